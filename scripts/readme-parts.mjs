// What the scripts share that write tables into README.md between its markers.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { format } from 'prettier';
import { root } from './setup.mjs';

const README = join(root, 'README.md');

/**
 * Replaces what stands between markers.
 * @param parts  new content by the name of its markers
 */
export async function rewriteReadme(parts) {
  let page = readFileSync(README, 'utf8');
  for (const [name, content] of Object.entries(parts)) {
    // What is between other markers, or was written by hand, stays as it is.
    const formatted = await format(content, {
      ...{ parser: 'markdown', printWidth: 100, proseWrap: 'always' },
    });
    page = replaced(page, name, formatted.trim());
  }
  writeFileSync(README, page);
}

/** A Markdown table whose first column is text and whose others are figures. */
export function table(head, rows) {
  const align = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [head, align, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function replaced(text, name, content) {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${relative(root, README)} lacks ${begin} … ${end}`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}
