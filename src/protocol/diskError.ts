import { EngineError } from './errors.ts';

/**
 * The user's message for a failed system call.
 * @param path  what it was about
 * @returns an EngineError `disk`; errors that no system call made come back unchanged
 */
export function diskError(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || error instanceof EngineError) return error;
  const code = String(error.code);
  const known = reasons[code.replace(/^ERR_FS_/, '')];
  const found = known?.found ?? systemWords(error);
  return new EngineError(
    'disk',
    {
      what: path,
      expected: 'a file that can be read and written',
      found,
      action: known?.action ?? 'Check the disk.',
      sentence: known?.tell(path) ?? `${path} cannot be read or written: ${found}.`,
    },
    { cause: error },
  );
}

/** The words of a system error without its paths, which may be temporary ones. */
function systemWords(error: Error): string {
  const call = 'syscall' in error ? error.message.indexOf(`, ${String(error.syscall)}`) : -1;
  return call < 0 ? error.message : error.message.slice(0, call);
}

interface Reason {
  readonly found: string;
  readonly action: string;
  readonly tell: (path: string) => string;
}

const FREE_SPACE = 'Free some space, then continue with "subnet resume RUN".';

const forbidden: Reason = {
  found: 'no permission',
  action: 'Change the permissions of the file, or choose another folder.',
  tell: (path) => `There is no permission to use ${path}.`,
};

const reasons: Readonly<Record<string, Reason>> = {
  ENOSPC: {
    found: 'a full disk',
    action: FREE_SPACE,
    tell: (path) => `The disk is full: ${path} could not be written.`,
  },
  EDQUOT: {
    found: 'a used-up disk quota',
    action: FREE_SPACE,
    tell: (path) => `The disk quota is used up: ${path} could not be written.`,
  },
  EACCES: forbidden,
  EPERM: forbidden,
  EROFS: {
    found: 'a read-only disk',
    action: 'Choose a folder that can be written to.',
    tell: (path) => `${path} is on a read-only disk.`,
  },
  ENOENT: {
    found: 'no such file or folder',
    action: 'Check the path.',
    tell: (path) => `There is no file or folder ${path}.`,
  },
  ENOTDIR: {
    found: 'a file where a folder should be',
    action: 'Check the path.',
    tell: (path) => `A part of the path ${path} is a file, not a folder.`,
  },
  EISDIR: {
    found: 'a folder where a file should be',
    action: 'Check the path.',
    tell: (path) => `${path} is a folder, not a file.`,
  },
  EIO: {
    found: 'a disk that fails (input/output error)',
    action: 'Check the disk; earlier results are intact.',
    tell: (path) => `The disk fails: there was an input/output error at ${path}.`,
  },
  EFBIG: {
    found: 'a file larger than this system allows',
    action: 'Raise the limit (ulimit -f), or export fewer forms.',
    tell: (path) => `${path} would be larger than this system allows a file to be.`,
  },
  ENXIO: {
    found: 'a named pipe or a device',
    action: 'Give the path of a file.',
    tell: (path) => `${path} is a named pipe or a device, not a file.`,
  },
  ELOOP: {
    found: 'a circle of links',
    action: 'Check the path.',
    tell: (path) => `${path} is a circle of links.`,
  },
  EMFILE: {
    found: 'too many open files',
    action: 'Close other programs, or raise the limit (ulimit -n).',
    tell: (path) => `Too many files are open: ${path} could not be opened.`,
  },
};
