import { type Node, parseSync, Visitor } from 'oxc-parser';

/** What a fuzzer needs of one module. */
export interface Instrumented {
  readonly code: string;
  /** Places that are counted, from `firstCounter` on. */
  readonly counters: number;
  /** The literals of the module: what its branches compare inputs with. */
  readonly numbers: readonly number[];
  readonly texts: readonly string[];
}

/** Where instrumented modules count, a global Uint8Array: the one name that both sides know. */
export const COUNTERS_NAME = '__tributaryFuzzCounters';

/** Longer literals are messages, which no input is compared with. */
const MAX_TEXT_LENGTH = 32;

interface Insertion {
  readonly at: number;
  readonly text: string;
  /** At one place what closes comes first, the innermost foremost; then what opens, the outermost foremost. */
  readonly order: number;
}

/**
 * Adds a counter to each function, branch, loop and catch of a JavaScript module, as AFL and libFuzzer do in machine code.
 *
 * @param firstCounter where in the global array its counters begin
 * @throws SyntaxError where it is no JavaScript
 */
export function instrument(path: string, code: string, firstCounter: number): Instrumented {
  const { program, errors } = parseSync(path, code);
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0]!.message}`);
  const writer = new CounterWriter(firstCounter);
  const numbers = new Set<number>();
  const texts = new Set<string>();
  new Visitor({
    FunctionDeclaration: ({ body }) => void (body && writer.block(body)),
    FunctionExpression: ({ body }) => void (body && writer.block(body)),
    ArrowFunctionExpression: ({ body }) => {
      if (body.type === 'BlockStatement') writer.block(body);
      else writer.expression(body);
    },
    IfStatement(node) {
      if (node.alternate) writer.statement(node.alternate);
      else writer.missingElse(node.consequent);
      writer.statement(node.consequent);
    },
    ForStatement: ({ body }) => writer.statement(body),
    ForInStatement: ({ body }) => writer.statement(body),
    ForOfStatement: ({ body }) => writer.statement(body),
    WhileStatement: ({ body }) => writer.statement(body),
    SwitchCase({ consequent }) {
      if (consequent[0] !== undefined) writer.before(consequent[0]);
    },
    CatchClause: ({ body }) => writer.block(body),
    ConditionalExpression({ consequent, alternate }) {
      writer.expression(consequent);
      writer.expression(alternate);
    },
    LogicalExpression: ({ right }) => writer.expression(right),
    Literal({ value }) {
      if (typeof value === 'number') numbers.add(value);
      if (typeof value === 'string' && value !== '' && value.length <= MAX_TEXT_LENGTH) texts.add(value);
    },
  }).visit(program);
  return {
    code: writer.insertInto(code),
    counters: writer.counters,
    numbers: [...numbers],
    texts: [...texts],
  };
}

type Place = Pick<Node, 'type' | 'start' | 'end'>;

/** Collects the counters of one module. */
class CounterWriter {
  counters = 0;
  readonly #first: number;
  readonly #insertions: Insertion[] = [];
  #order = 0;

  constructor(first: number) {
    this.#first = first;
  }

  /** At the beginning of a block that has braces. */
  block({ start }: Place): void {
    this.#open(start + 1, `${this.#next()};`);
  }

  /** Before a statement in a list. */
  before({ start }: Place): void {
    this.#open(start, `${this.#next()};`);
  }

  /** A statement that may be a block. */
  statement(node: Place): void {
    if (node.type === 'BlockStatement') {
      this.block(node);
      return;
    }
    this.#open(node.start, `{${this.#next()};`);
    this.#close(node.end, '}');
  }

  missingElse({ end }: Place): void {
    this.#close(end, ` else {${this.#next()};}`);
  }

  expression({ start, end }: Place): void {
    this.#open(start, `(${this.#next()},`);
    this.#close(end, ')');
  }

  insertInto(code: string): string {
    const sorted = this.#insertions.toSorted((a, b) => a.at - b.at || a.order - b.order);
    let result = '';
    let from = 0;
    for (const { at, text } of sorted) {
      result += code.slice(from, at) + text;
      from = at;
    }
    return result + code.slice(from);
  }

  #next(): string {
    return `${COUNTERS_NAME}[${this.#first + this.counters++}]++`;
  }

  #open(at: number, text: string): void {
    this.#insertions.push({ at, text, order: ++this.#order });
  }

  #close(at: number, text: string): void {
    this.#insertions.push({ at, text, order: -++this.#order });
  }
}
