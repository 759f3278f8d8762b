/**
 * Reads YAML as this program writes it: block lists and maps, one-line lists, texts without escapes, whole numbers. The YAML
 * library takes a second for ten thousand clients, this takes some milliseconds.
 * @returns undefined for whatever else there is in YAML, and for mistakes: then the library reads it
 */
export function readPlainYaml(text: string): unknown {
  try {
    return new PlainYaml(text).read();
  } catch (error) {
    if (error === OTHER) return undefined;
    throw error;
  }
}

/** Thrown where something is not plain. */
const OTHER = new Error('not plain YAML');

interface Line {
  readonly indent: number;
  readonly text: string;
}

class PlainYaml {
  readonly #lines: Line[] = [];
  #next = 0;

  constructor(text: string) {
    for (const line of text.split('\n')) {
      if (/^ *(#|$)/.test(line)) continue;
      const trimmed = line.trimStart();
      if (!/^[ -~]*[!-~]$/.test(line)) throw OTHER;
      this.#lines.push({ indent: line.length - trimmed.length, text: trimmed });
    }
  }

  read(): unknown {
    const value = this.#list(0);
    if (this.#next < this.#lines.length) throw OTHER;
    return value;
  }

  #list(indent: number): unknown[] {
    const items: unknown[] = [];
    for (let line = this.#lines[this.#next]; line?.indent === indent; line = this.#lines[this.#next]) {
      if (!line.text.startsWith('- ')) throw OTHER;
      const item = line.text.slice(2);
      if (item.startsWith(' ')) throw OTHER;
      if (KEY.test(item)) {
        // The map's first line stands behind the dash.
        this.#lines[this.#next] = { indent: indent + 2, text: item };
        items.push(this.#map(indent + 2));
      } else {
        this.#next++;
        items.push(scalar(item));
      }
    }
    if (items.length === 0) throw OTHER;
    return items;
  }

  #map(indent: number): Record<string, unknown> {
    const map: Record<string, unknown> = {};
    for (let line = this.#lines[this.#next]; line?.indent === indent; line = this.#lines[this.#next]) {
      const [, key = '', value = ''] = KEY.exec(line.text) ?? [];
      if (key === '' || Object.hasOwn(map, key)) throw OTHER;
      this.#next++;
      map[key] = value === '' ? this.#below(indent) : value.startsWith('[') ? flowList(value) : scalar(value);
    }
    return map;
  }

  #below(indent: number): unknown {
    const line = this.#lines[this.#next];
    if (line === undefined || line.indent <= indent) throw OTHER;
    const value = line.text.startsWith('- ') ? this.#list(line.indent) : this.#map(line.indent);
    const after = this.#lines[this.#next];
    if (after !== undefined && after.indent > indent) throw OTHER;
    return value;
  }
}

const KEY = /^([A-Za-z]+):(?: (\S.*))?$/;
const QUOTED = /^"[^"\\]*"$/;
const WORD = `[A-Za-z0-9_+./*-]+(?::[A-Za-z0-9_+./*-]+)*`;
const PLAIN = new RegExp(`^${WORD}(?: ${WORD})*$`);
/** What begins a plain text; a dash with no blank behind it does, too. */
const BEGINS_PLAIN = /^(?:[A-Za-z0-9_/]|-[A-Za-z0-9_-])/;
const RESERVED = new Set(['null', 'Null', 'NULL', 'true', 'True', 'TRUE', 'false', 'False', 'FALSE']);

function scalar(text: string): string | number {
  if (QUOTED.test(text)) return text.slice(1, -1);
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  // Whatever is a number to YAML is one to JavaScript.
  const isText =
    PLAIN.test(text) && BEGINS_PLAIN.test(text) && !RESERVED.has(text) && Number.isNaN(Number(text));
  if (!isText) throw OTHER;
  return text;
}

function flowList(text: string): unknown[] {
  const inner = /^\[ ?([^[\]]*[^[\] ]) ?\]$/.exec(text)?.[1];
  if (inner === undefined) throw OTHER;
  return inner.split(', ').map((item) => {
    if (item.includes(',') || KEY.test(item)) throw OTHER;
    return scalar(item);
  });
}
