import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLError,
} from 'yaml';
import { ConfigError, type ConfigProblem } from './config-error.ts';

/** Keys and indices that lead from the top of a file to a value. */
export type KeyPath = readonly (string | number)[];

/** A configuration of hand-written size is some kilobytes; a megabyte is some other file named by mistake. */
export const MAX_CONFIG_BYTES = 1024 * 1024;

/** A YAML file that knows where each of its values stands. */
export class YamlSource {
  readonly file: string;
  readonly document: Document.Parsed;
  /** The file as plain values. Keys without a value (`socks:`) are left out, as if they were not there. */
  readonly value: unknown;
  readonly #lines: LineCounter;

  /** Reads YAML 1.2. Throws ConfigError when it is not valid YAML, or longer than `maxBytes`. */
  constructor(text: string, file: string, maxBytes = MAX_CONFIG_BYTES) {
    this.file = file;
    this.#lines = new LineCounter();
    if (Buffer.byteLength(text) > maxBytes) {
      const message = `larger than ${maxBytes / 1024 ** 2} MiB`;
      throw new ConfigError([{ file, line: 1, column: 1, path: '', message }]);
    }
    // Pretty errors would quote the line they are about, and the line may hold a key.
    this.document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, stringKeys: true });
    const errors = [...this.document.errors, ...this.document.warnings];
    if (errors.length > 0) throw new ConfigError(errors.map((error) => this.#syntaxProblem(error)));
    try {
      this.value = withoutNulls(this.document.toJS({ maxAliasCount: 100 }));
    } catch {
      throw new ConfigError([
        { file, line: 1, column: 1, path: '', message: 'an alias (*name) has no anchor' },
      ]);
    }
  }

  /** A problem at the value that `path` leads to, or at the nearest place above it that exists. */
  problem(path: KeyPath, message: string): ConfigProblem {
    return this.#problemAt(path, message, 'value');
  }

  /** A problem of the map at `path` that is at one of its keys. */
  problemAtKey(path: KeyPath, key: string, message: string): ConfigProblem {
    return { ...this.#problemAt([...path, key], message, 'key'), path: formatPath(path) };
  }

  #problemAt(path: KeyPath, message: string, which: 'key' | 'value'): ConfigProblem {
    const { line, col } = this.#lines.linePos(this.#offset(path, which));
    return {
      file: this.file,
      line: Math.max(line, 1),
      column: Math.max(col, 1),
      path: formatPath(path),
      message,
    };
  }

  #offset(path: KeyPath, which: 'key' | 'value'): number {
    let node: unknown = this.document.contents;
    let keyOffset = 0;
    for (const [depth, segment] of path.entries()) {
      if (isAlias(node)) node = node.resolve(this.document);
      if (isSeq(node)) {
        const item = node.items[Number(segment)] as Node | undefined;
        if (!item) return keyOffset;
        keyOffset = item.range?.[0] ?? keyOffset;
        node = item;
      } else if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && key.value === segment) as Pair | undefined;
        if (!pair) return keyOffset;
        keyOffset = (pair.key as Node).range?.[0] ?? keyOffset;
        if (which === 'key' && depth === path.length - 1) return keyOffset;
        node = pair.value;
      } else {
        return keyOffset;
      }
    }
    const isEmpty = isScalar(node) && node.value === null;
    return isEmpty ? keyOffset : ((node as Node | null)?.range?.[0] ?? keyOffset);
  }

  #syntaxProblem(error: YAMLError): ConfigProblem {
    const { line, col } = this.#lines.linePos(error.pos[0]);
    const message = SYNTAX_MESSAGES[error.code] ?? 'not valid YAML here';
    return { file: this.file, line, column: col, path: '', message };
  }
}

/** `uplinks[0].interface`. */
function formatPath(path: KeyPath): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
}

// The parser's own messages can quote the text they are about, which may be a key; so the codes are put in our words.
const SYNTAX_MESSAGES: Partial<Record<YAMLError['code'], string>> = {
  BAD_INDENT: 'the indentation does not fit the lines above',
  TAB_AS_INDENT: 'a tab is used as indentation: use blanks',
  DUPLICATE_KEY: 'this key stands here twice',
  MISSING_CHAR:
    'a character is missing before this place: a closing quote or bracket, or the blank after a colon',
  MULTIPLE_DOCS: 'a second document ("---") starts here: one file holds one',
  UNEXPECTED_TOKEN:
    'not valid YAML here: a text that has brackets, a colon and a blank, or a # in it needs quotes, ' +
    'for example "[::1]:8443"',
  BAD_SCALAR_START: 'a text that starts with this character needs quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a second "key:" stands on the same line: put it on a line of its own, or the text in quotes',
  TAG_RESOLVE_FAILED: 'tags (!name) are not used in this file',
};

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  );
}
