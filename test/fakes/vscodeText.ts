import { readFile, writeFile } from 'node:fs/promises';
import { EventEmitter, Position, Range, type Uri } from './vscodeValues.ts';

/** A document of the editor: its text is what the user sees, saved or not. */
export class TestDocument {
  isDirty = false;
  isClosed = false;
  version = 1;
  /** Texts before each edit, for undo. */
  private readonly past: string[] = [];

  constructor(
    readonly uri: Uri,
    private text: string,
    readonly languageId = 'jsonc',
  ) {}

  static async open(uri: Uri): Promise<TestDocument> {
    return new TestDocument(uri, await readFile(uri.fsPath, 'utf8'));
  }
  getText(): string {
    return this.text;
  }
  get lineCount(): number {
    return this.text.split('\n').length;
  }
  lineAt(line: number): object {
    const text = this.text.split('\n')[line] ?? '';
    const firstNonWhitespaceCharacterIndex = text.length - text.trimStart().length;
    const range = new Range(new Position(line, 0), new Position(line, text.length));
    const isEmptyOrWhitespace = text.trim() === '';
    return { text, range, firstNonWhitespaceCharacterIndex, isEmptyOrWhitespace };
  }
  positionAt(offset: number): Position {
    const before = this.text.slice(0, offset).split('\n');
    return new Position(before.length - 1, before.at(-1)!.length);
  }
  offsetAt({ line, character }: Position): number {
    const lines = this.text.split('\n').slice(0, line);
    return lines.reduce((sum, one) => sum + one.length + 1, 0) + character;
  }
  /** Types over everything. */
  change(text: string): void {
    this.past.push(this.text);
    this.text = text;
    this.version++;
    this.isDirty = true;
    changedDocument.fire({ document: this });
  }
  undo(): void {
    const text = this.past.pop();
    if (text !== undefined) this.change(text);
    this.past.pop();
  }
  async save(): Promise<boolean> {
    await writeFile(this.uri.fsPath, this.text);
    this.isDirty = false;
    return true;
  }
}

/** Fires when a document changes. */
export const changedDocument = new EventEmitter<{ document: TestDocument }>();

export class TextEdit {
  constructor(
    readonly range: Range,
    readonly newText: string,
  ) {}
  static replace(range: Range, text: string): TextEdit {
    return new TextEdit(range, text);
  }
}

export class WorkspaceEdit {
  readonly edits: { readonly uri: Uri; readonly edit: TextEdit }[] = [];
  replace(uri: Uri, range: Range, text: string): void {
    this.edits.push({ uri, edit: new TextEdit(range, text) });
  }
  /** The document after the edits, as one step of undo. */
  applyTo(document: TestDocument): void {
    const pieces = this.edits
      .filter(({ uri }) => uri.toString() === document.uri.toString())
      .map(({ edit: { range, newText } }) => ({
        ...{ start: document.offsetAt(range.start), end: document.offsetAt(range.end), newText },
      }))
      .sort((a, b) => b.start - a.start);
    let text = document.getText();
    for (const { start, end, newText } of pieces) {
      text = text.slice(0, start) + newText + text.slice(end);
    }
    document.change(text);
  }
}

export class Diagnostic {
  source?: string;
  code?: string;
  constructor(
    readonly range: Range,
    readonly message: string,
    readonly severity: number,
  ) {}
}

export class CodeAction {
  edit?: WorkspaceEdit;
  isPreferred?: boolean;
  diagnostics?: readonly Diagnostic[];
  constructor(
    readonly title: string,
    readonly kind: unknown,
  ) {}
}

export class SnippetString {
  constructor(readonly value: string) {}
}

export class CompletionItem {
  insertText?: SnippetString;
  range?: Range;
  constructor(
    readonly label: { readonly label: string; readonly description?: string },
    readonly kind: number,
  ) {}
}

export class CodeLens {
  constructor(
    readonly range: Range,
    readonly command: { readonly command: string; readonly arguments: readonly unknown[] },
  ) {}
}

export class InlayHint {
  constructor(
    readonly position: Position,
    readonly label: string,
  ) {}
}

export class Hover {
  constructor(
    readonly contents: { readonly value: string },
    readonly range: Range,
  ) {}
}

export const CompletionItemKind = {
  ...{ Property: 9, Module: 8, Value: 11, Folder: 18, File: 16, Snippet: 14 },
};
