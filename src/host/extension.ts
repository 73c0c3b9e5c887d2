import type * as vscode from 'vscode';

/** Starts the extension. */
export function activate(_context: vscode.ExtensionContext): void {
  // Filled in by what follows.
}
