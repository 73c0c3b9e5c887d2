/** Longest text of a message, characters: three lines of a notification. */
const MOST = 400;

/**
 * Any text as one that shows what it holds and does nothing: without control characters, without the
 * marks that turn the direction of writing, on one line, and not longer than a person reads. For text
 * that comes from files, names and other programs.
 * @param most  characters; what is longer is cut in its middle, so that its end is seen too
 */
export function plainText(text: string, most = MOST): string {
  // Only what can be seen of a long text is looked at.
  const seen = text.length <= 4 * most ? text : text.slice(0, 2 * most) + text.slice(-2 * most);
  return cutMiddle(seen.replaceAll(NOT_SHOWN, '').replaceAll(/\s+/g, ' ').trim(), most);
}

/** As {@link plainText}, where an editor would turn `[text](command:…)` into a link. */
export function messageText(text: string, most = MOST): string {
  return plainText(text, most).replaceAll('](', '] (');
}

/** As {@link plainText}, where an editor would turn `$(name)` into an icon. */
export function labelText(text: string, most = 200): string {
  return plainText(text, most).replaceAll('$(', '$ (');
}

/** As {@link plainText}, where an editor would read Markdown. */
export function markdownText(text: string, most = 2000): string {
  return plainText(text, most).replaceAll(/[\\`*_{}[\]()#+\-.!|<>~$&]/g, String.raw`\$&`);
}

/**
 * Text for a terminal, which keeps its lines and the styles that this program gives them, and no
 * other sequence: text of a file could move the cursor, change the title or answer for the user.
 */
export function terminalText(text: string): string {
  return text.replaceAll(TERMINAL_SEQUENCES, (found) => (OWN_STYLE.test(found) ? found : ''));
}

/** JSON of a value whose texts may hold characters that a terminal would act on. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    NOT_SHOWN,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Escape sequences; control characters but tab and line ends; marks of direction; joiners of lines. */
const NOT_SHOWN =
  /\u001b\[[0-?]*[ -/]*[@-~]|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]/g;

/** The same, and a carriage return that would write over the line. */
const TERMINAL_SEQUENCES = new RegExp(`${NOT_SHOWN.source}|\\r(?!\\n)`, 'g');
const OWN_STYLE = /^\u001b\[\d{1,2}m$/;

function cutMiddle(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = Math.floor(most / 4);
  return `${text.slice(0, most - end - 1)}…${text.slice(-end)}`;
}
