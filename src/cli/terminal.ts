import { terminalText } from '../protocol/plainText.ts';

const CLEAR_LINE = '\r\u001b[2K';

/** Where the command line writes, and what that place can show. */
export interface Terminal {
  /** Results: stdout. */
  readonly out: (text: string) => void;
  /** Progress, remarks and errors: stderr. */
  readonly err: (text: string) => void;
  /** Removes the line that stderr stands in; only for a live terminal. */
  readonly clearLine: () => void;
  /** True when stderr redraws, so that a live line makes sense. */
  readonly live: boolean;
  readonly color: boolean;
  /** False where only ASCII is safe. */
  readonly unicode: boolean;
  /** Width of stderr, characters. */
  columns(): number;
}

/** The terminal of this process. Honours NO_COLOR, TERM=dumb and an ASCII locale. */
export function processTerminal(process: NodeJS.Process): Terminal {
  const { stdout, stderr, env, platform } = process;
  const dumb = env.TERM === 'dumb';
  return {
    out: (text) => stdout.write(terminalText(text)),
    err: (text) => stderr.write(terminalText(text)),
    clearLine: () => stderr.write(CLEAR_LINE),
    live: stderr.isTTY && !dumb,
    color: stderr.isTTY && !dumb && (env.NO_COLOR ?? '') === '',
    unicode: showsUnicode(env, platform),
    // Some pseudo-terminals say 0.
    columns: () => (stderr.isTTY && stderr.columns > 0 ? stderr.columns : 80),
  };
}

/** True when the locale, or on Windows the terminal program, is known to show Unicode. */
export function showsUnicode(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): boolean {
  if (env.TERM === 'linux') return false;
  if (platform === 'win32') return env.WT_SESSION !== undefined || env.TERM_PROGRAM === 'vscode';
  const locale = env.LC_ALL ?? env.LC_CTYPE ?? env.LANG ?? '';
  return /utf-?8/i.test(locale);
}

/** Text in a style, where the terminal has styles. */
export function styled(terminal: Terminal, style: keyof typeof styles, text: string): string {
  return terminal.color ? `\u001b[${styles[style]}m${text}\u001b[0m` : text;
}

const styles = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;
