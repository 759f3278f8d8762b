type Rows = readonly (readonly string[])[];

/** Rows as text, columns as wide as their widest cell, figures to the right. */
export function grid(rows: Rows): string {
  return aligned(rows)
    .map((cells) => cells.join('  ').trimEnd())
    .join('\n');
}

/** The same as a table in Markdown; the first row is its head. */
export function markdownTable(rows: Rows): string {
  const [head = [], ...rest] = aligned(rows).map((cells) => `| ${cells.join(' | ')} |`);
  const rule = `|${(aligned(rows)[0] ?? []).map((cell) => '-'.repeat(cell.length + 2)).join('|')}|`;
  return [head, rule, ...rest].join('\n');
}

function aligned(rows: Rows): string[][] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row.map((cell, column) =>
      isFigure(cell) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
    ),
  );
}

function isFigure(cell: string): boolean {
  return /^(-|-?[\d.]+( \(.*\))?|\d+\/\d+)$/.test(cell);
}
