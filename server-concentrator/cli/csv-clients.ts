import type { ConfigProblem } from '../../shared/runtime/config/config-error.ts';

/** Columns of more than one value, with commas, semicolons or blanks between them. */
const LISTS: ReadonlySet<string> = new Set(['publish', 'allow', 'deny', 'only']);
/** Of these, those that are egress rules. */
const RULES: ReadonlySet<string> = new Set(['allow', 'deny', 'only']);
const COLUMNS = ['id', 'key', 'label', 'expires', 'rateLimit', 'quota', 'atQuota', ...LISTS];

/** The clients of a table. */
export interface CsvTable {
  readonly columns: readonly string[];
  readonly clients: readonly CsvClient[];
}

/** A client as `clients.yaml` would have it, and the line where it stands. */
export interface CsvClient {
  readonly line: number;
  readonly entry: Readonly<Record<string, unknown>>;
}

/**
 * The clients of a table of comma-separated values (RFC 4180), whose first line names the columns as the keys of `clients.yaml`. Empty fields are
 * keys that are not there, and rows of empty fields alone are left out: spreadsheets write them below a table.
 * @returns what is wrong with it, and where, if it is none
 */
export function csvClients(text: string, file: string): CsvTable | ConfigProblem {
  const problem = (line: number, message: string) => ({ file, line, column: 1, path: '', message });
  const [head, ...rows] = csvRows(text);
  const names = (head?.fields ?? []).map((name) => name.trim());
  const other = names.find((name, index) => !COLUMNS.includes(name) || names.indexOf(name) !== index);
  if (other !== undefined || !names.includes('id')) {
    const what =
      other === undefined ? 'there is no column "id"' : `"${other.slice(0, 32)}" is none, or there twice`;
    return problem(1, `the first line names the columns: ${COLUMNS.join(', ')}; ${what}`);
  }
  const clients: CsvClient[] = [];
  for (const { line, fields, isOpen } of rows) {
    if (isOpen) return problem(line, 'a quotation mark that begins a field here has no end');
    if (fields.every((field) => field.trim() === '')) continue;
    if (fields.length !== names.length)
      return problem(line, `${fields.length} fields stand here, and ${names.length} columns`);
    clients.push({ line, entry: entryOf(names, fields) });
  }
  return { columns: names, clients };
}

function entryOf(names: readonly string[], fields: readonly string[]): Record<string, unknown> {
  const entry: Record<string, unknown> = {};
  const egress: Record<string, unknown> = {};
  for (const [index, name] of names.entries()) {
    const field = fields[index]!.trim();
    if (field === '') continue;
    const value = LISTS.has(name) ? field.split(/[\s,;]+/) : field;
    (RULES.has(name) ? egress : entry)[name] = value;
  }
  return Object.keys(egress).length === 0 ? entry : { ...entry, egress };
}

interface CsvRow {
  readonly line: number;
  readonly fields: string[];
  /** A field in quotation marks has no end. */
  isOpen: boolean;
}

/** Lines without a character are left out. */
function csvRows(text: string): readonly CsvRow[] {
  const rows: CsvRow[] = [];
  let row: CsvRow | undefined;
  let line = 1;
  // A field, in quotation marks or without, and what ends it.
  const field = /(?:"([^"]*(?:""[^"]*)*)("?)|([^",\r\n][^,\r\n]*|))(,|\r?\n|\r|$)/y;
  field.lastIndex = text.startsWith('\uFEFF') ? 1 : 0;
  while (field.lastIndex < text.length || row !== undefined) {
    const match = field.exec(text);
    if (match === null) {
      // Something stands behind a field in quotation marks.
      rows.push({ line, fields: [], isOpen: true });
      break;
    }
    const [all, quoted, end, plain = '', separator] = match;
    row ??= { line, fields: [], isOpen: false };
    row.isOpen ||= quoted !== undefined && end === '';
    row.fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    line += all.split('\n').length - 1;
    if (separator === ',') continue;
    if (row.fields.length > 1 || row.fields[0] !== '') rows.push(row);
    row = undefined;
  }
  return rows;
}
