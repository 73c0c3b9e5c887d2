/** A column: its title, and on which side its text stands. */
export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/**
 * Rows in aligned columns, with a line of titles and a rule.
 * @param rows  one text per column
 * @param unicode  false draws the rule in ASCII
 * @returns lines without trailing blanks, each ended by a newline
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  unicode: boolean,
): string {
  const titles = columns.map(({ title }) => title);
  const widths = columns.map((_, i) =>
    Math.max(...[titles, ...rows].map((row) => (row[i] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    columns
      .map(({ align }, i) => {
        const text = row[i] ?? '';
        return align === 'left' ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0);
      })
      .join('  ')
      .trimEnd();
  const width = widths.reduce((sum, each) => sum + each + 2, -2);
  const rule = (unicode ? '─' : '-').repeat(width);
  return [line(titles), rule, ...rows.map(line)].map((text) => `${text}\n`).join('');
}
