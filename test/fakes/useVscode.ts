import { register } from 'node:module';

// Import this first, and code that imports `vscode` afterwards with `await import(…)`: static imports
// are resolved before anything runs.
register('./vscodeHook.mjs', import.meta.url);
