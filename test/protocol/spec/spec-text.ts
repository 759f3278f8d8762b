import { readFileSync } from 'node:fs';
import { hex } from '../support.ts';

/** SPEC.md as it is. */
export const SPEC = readFileSync(new URL('../../../shared/protocol/SPEC.md', import.meta.url), 'utf8');

/** One field of a layout. `size` is a number of bytes, or words where it varies ("n bytes"). */
export interface LayoutField {
  readonly name: string;
  readonly size: number | string;
}

/** What a layout consists of, in order; a list of fields may repeat, from zero times on. */
export type LayoutItem = LayoutField | readonly LayoutField[];

/** One field of an example: its bytes, and what stands behind the name, if anything does. */
export interface ExampleField {
  readonly name: string;
  readonly value: string | undefined;
  bytes: Uint8Array;
}

/** One frame of an example, header included. */
export interface ExampleFrame {
  /** As in the table of frames. */
  readonly name: string;
  readonly fields: readonly ExampleField[];
}

/** What one end writes on one subflow. */
export interface ExampleBlock {
  readonly sender: 'client' | 'concentrator';
  readonly subflow: number;
  readonly frames: readonly ExampleFrame[];
}

/** The fenced blocks whose first word is `kind`: the rest of the first line, and the lines of the block. */
function fencedBlocks(spec: string, kind: string): { title: string; lines: string[] }[] {
  const blocks = spec.matchAll(new RegExp(`^\`\`\`${kind}(?: ([^\\n]*))?\\n(.*?)^\`\`\`$`, 'gms'));
  return [...blocks].map(([, title = '', body = '']) => ({
    title,
    lines: body.split('\n').filter((line) => line !== ''),
  }));
}

/** The cells of all table rows whose first cell matches. */
export function tableRows(spec: string, first: RegExp): string[][] {
  return spec
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
    .filter(([cell]) => first.test(cell!));
}

/** The byte layouts by name. @throws Error for a drawing whose offsets are not the sums of its fields */
export function layoutsOf(spec: string): ReadonlyMap<string, readonly LayoutItem[]> {
  return new Map(fencedBlocks(spec, 'layout').map(({ title, lines }) => [title, parseLayout(title, lines)]));
}

/** A byte is nine characters wide, and a border stands between two. */
const BYTE_COLUMNS = 10;
/** In front of a row: its offset, two digits and a blank. */
const LABEL_COLUMNS = 3;

function parseLayout(title: string, lines: readonly string[]): LayoutItem[] {
  const items: LayoutItem[] = [];
  let group: LayoutField[] | undefined;
  let offset: number | undefined = title === 'frame' ? 0 : 8;
  for (const line of lines.slice(1)) {
    const row = line.slice(LABEL_COLUMNS);
    if (row.startsWith('+')) {
      if (!row.includes('=')) continue;
      if (group !== undefined) {
        items.push(group);
        offset = undefined;
      }
      group = group === undefined ? [] : undefined;
      continue;
    }
    const cells = [...row.matchAll(/\|([^|:]*)(?=[|:])/g)].map(([, cell = '']) => cell);
    const target: (LayoutField | LayoutItem)[] = group ?? items;
    const label = line.slice(0, LABEL_COLUMNS).trim();
    const continues = cells.length === 1 && cells[0]!.trim() === '';
    if (!continues && label !== String(offset ?? '')) {
      throw new Error(`the layout of ${title}: offset "${label}" in place of "${offset ?? ''}"`);
    }
    for (const cell of cells) {
      const columnBytes = (cell.length + 1) / BYTE_COLUMNS;
      if (!Number.isInteger(columnBytes)) throw new Error(`the layout of ${title}: a crooked cell "${cell}"`);
      const [name = '', size] = cell.trim().split(', ');
      const bytes = size === undefined ? columnBytes : /^(\d+) bytes$/.exec(size)?.[1];
      const before = target.at(-1) as LayoutField | undefined;
      if (continues)
        target[target.length - 1] = { name: before!.name, size: Number(before!.size) + columnBytes };
      else target.push({ name, size: bytes === undefined ? size! : Number(bytes) });
      offset = offset === undefined || bytes === undefined ? undefined : offset + Number(bytes);
    }
  }
  if (group !== undefined) throw new Error(`the layout of ${title}: repeated fields without an end`);
  return items;
}

/** The given values of the worked exchange, by name. */
export function exampleInputs(spec: string): ReadonlyMap<string, Uint8Array> {
  const block = fencedBlocks(spec, 'hex').find(({ lines }) => lines[0] === '# inputs');
  return new Map(parseFields(block?.lines.slice(1) ?? []).map(({ name, bytes }) => [name, bytes]));
}

/** The blocks of the worked exchange, in their order. */
export function exampleBlocks(spec: string): ExampleBlock[] {
  return fencedBlocks(spec, 'hex')
    .filter(({ lines }) => lines[0] !== '# inputs')
    .map(({ lines }) => {
      const [, sender, subflow] = /^# (client|concentrator), subflow (\d+)$/.exec(lines[0] ?? '') ?? [];
      if (sender === undefined) throw new Error(`an example without a sender: ${lines[0]}`);
      return {
        sender: sender as ExampleBlock['sender'],
        subflow: Number(subflow),
        frames: parseFrames(lines.slice(1)),
      };
    });
}

function parseFrames(lines: readonly string[]): ExampleFrame[] {
  const frames: { name: string; fields: ExampleField[] }[] = [];
  for (const field of parseFields(lines)) {
    const isNew = field.name === 'type' && /^[A-Z_]+$/.test(field.value ?? '');
    if (isNew) frames.push({ name: field.value!, fields: [] });
    frames.at(-1)!.fields.push(field);
  }
  return frames;
}

/** Groups of hexadecimal digits, as many fields behind them; or one group that goes on with the field before. */
function parseFields(lines: readonly string[]): ExampleField[] {
  const fields: ExampleField[] = [];
  for (const line of lines) {
    const [, digits = '', texts] = /^([0-9a-f]+(?: [0-9a-f]+)*)(?: {2,}(\S.*))?$/.exec(line) ?? [];
    const groups = digits.split(' ').map(hex);
    const names = texts?.split('; ') ?? [];
    if (names.length === 0 && groups.length === 1 && fields.length > 0) {
      const last = fields.at(-1)!;
      last.bytes = Uint8Array.from([...last.bytes, ...groups[0]!]);
      continue;
    }
    if (names.length !== groups.length) throw new Error(`bytes and fields differ in number: ${line}`);
    for (const [i, text] of names.entries()) {
      const [name = '', ...value] = text.split(' = ');
      fields.push({ name, value: value.length === 0 ? undefined : value.join(' = '), bytes: groups[i]! });
    }
  }
  return fields;
}
