import type { MemoryMessage } from '../export/peakMemory.ts';

/**
 * The memory process: loads the decoder whose path is its first argument with the threads of its
 * second, runs a prompt of as many tokens as its third says, sends one {@link MemoryMessage} and ends.
 */
async function main(): Promise<void> {
  const [path = '', threads, promptTokens] = process.argv.slice(2);
  const message = await measured(path, Number(threads), Number(promptTokens));
  process.send?.(message, () => process.exit(0));
}

async function measured(
  path: string,
  threads: number,
  promptTokens: number,
): Promise<MemoryMessage> {
  try {
    // Imported here, so that a native library that does not load is told like any other failure.
    const { memoryAddedHere } = await import('../export/peakMemory.ts');
    const addedBytes = await memoryAddedHere(path, { threads, promptTokens });
    return { kind: 'measured', addedBytes };
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

void main();
