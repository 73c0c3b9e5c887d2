import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Runs a program of this folder and gives what it sends, once.
 * @param file  its path from here
 */
export function inChild<Result>(file: string, args: readonly string[]): Promise<Result> {
  return new Promise((resolve, reject) => {
    let result: { readonly sent: Result } | undefined;
    const path = fileURLToPath(new URL(file, import.meta.url));
    const child = fork(path, [...args], { execArgv: ['--import', 'tsx'] });
    child.on('message', (sent) => (result = { sent: sent as Result }));
    child.on('error', reject);
    child.on('exit', (code) => {
      if (result === undefined) reject(new Error(`${file} ended with code ${code}`));
      else resolve(result.sent);
    });
  });
}
