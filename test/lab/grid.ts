/** Rows as text, columns as wide as their widest cell, figures to the right. */
export function grid(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) =>
      isFigure(cell) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
    );
  return rows.map((row) => line(row).join('  ').trimEnd()).join('\n');
}

function isFigure(cell: string): boolean {
  return /^(-|-?[\d.]+( \(.*\))?|\d+\/\d+)$/.test(cell);
}
