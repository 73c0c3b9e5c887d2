import { EngineError } from '../../protocol/errors.ts';

/** Bytes at the start of a file that tell what it is. */
export const TELLING_BYTES = 64;

/** What is found in place of a file, by how it begins, and what to do about it. */
const KINDS: readonly {
  readonly begins: RegExp;
  readonly is: string;
  readonly action: string;
}[] = [
  {
    begins: /^version https:\/\/git-lfs/,
    is: 'only a pointer of Git LFS to the file, not the file itself',
    action: 'Fetch the file: run "git lfs install" and "git lfs pull" in the model folder.',
  },
  {
    begins: /^\s*<(!doctype|html|\?xml)/i,
    is: 'a web page, as a download without permission or under a wrong address gives',
    action: 'Download the file again, logged in where the model asks for it.',
  },
  {
    begins: /^GGUF/,
    is: 'a GGUF file under another name',
    action:
      'Use the model in safetensors format from which it was converted: GGUF weights are quantised for llama.cpp and cannot be pruned here.',
  },
  {
    begins: /^PK\x03\x04|^\x80[\x02-\x05]/,
    is: 'a PyTorch file (pickle) under another name',
    action:
      'Convert it: load the model with transformers and call save_pretrained, which writes safetensors.',
  },
  {
    begins: /^\x1f\x8b/,
    is: 'a gzip archive',
    action: 'Unpack it.',
  },
];

/**
 * Refuses a file that is something else under its name.
 *
 * @param bytes  the start of the file, {@link TELLING_BYTES} are enough
 * @param file   its name
 * @throws EngineError `checkpoint` that says what the file is and what to do
 */
export function expectNoStandIn(bytes: Uint8Array, file: string): void {
  const start = String.fromCharCode(...bytes.subarray(0, TELLING_BYTES));
  const kind = KINDS.find(({ begins }) => begins.test(start));
  if (kind === undefined) return;
  throw new EngineError('checkpoint', {
    what: file,
    expected: 'the file itself',
    found: kind.is,
    action: kind.action,
    sentence: `${file} is ${kind.is}.`,
  });
}
