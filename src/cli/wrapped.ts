/** Width no line exceeds, characters. */
export const WIDTH = 80;

/** Text in lines that begin with `indent` and end before the width. */
export function wrapped(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(' ')) {
    const next = line === indent ? line + word : `${line} ${word}`;
    if (next.length > WIDTH && line !== indent) {
      lines.push(line);
      line = indent + word;
    } else line = next;
  }
  return [...lines, line];
}
