import { EngineError } from './errors.ts';

/**
 * The user's message for a failed system call.
 * @param path  what it was about
 * @returns an EngineError `disk`; errors that no system call made come back unchanged
 */
export function diskError(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || error instanceof EngineError) return error;
  const code = String(error.code);
  const [found, action] = reasons[code.replace(/^ERR_FS_/, '')] ?? [
    `${code}: ${error.message}`,
    'Check the disk.',
  ];
  return new EngineError(
    'disk',
    { what: path, expected: 'a file that can be read and written', found, action },
    { cause: error },
  );
}

const reasons: Readonly<Record<string, readonly [found: string, action: string]>> = {
  ENOSPC: ['a full disk', 'Free some space, then continue with "subnet resume RUN".'],
  EDQUOT: ['a used-up disk quota', 'Free some space, then continue with "subnet resume RUN".'],
  EACCES: ['no permission', 'Change the permissions of the file, or choose another folder.'],
  EPERM: ['no permission', 'Change the permissions of the file, or choose another folder.'],
  EROFS: ['a read-only disk', 'Choose a folder that can be written to.'],
  ENOENT: ['no such file or folder', 'Check the path.'],
  ENOTDIR: ['a file where a folder should be', 'Check the path.'],
  EISDIR: ['a folder where a file should be', 'Check the path.'],
  EIO: ['a disk that fails (input/output error)', 'Check the disk; earlier results are intact.'],
  EFBIG: [
    'a file larger than this system allows',
    'Raise the limit (ulimit -f), or export fewer forms.',
  ],
  ENXIO: ['a named pipe or a device', 'Give the path of a file.'],
  ELOOP: ['a circle of links', 'Check the path.'],
  EMFILE: ['too many open files', 'Close other programs, or raise the limit (ulimit -n).'],
};
