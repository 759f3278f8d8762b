import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { eachWholeLine } from '../../bed/whole-lines.ts';
import { type Pair, SOCKS } from './pair.ts';
import { ROOT } from './program.ts';

/** What is sent up, and what is wanted then. */
export interface Conversation {
  readonly up: number;
  readonly down: number;
  /** The client ends its direction before it is answered. */
  readonly halfClose?: boolean;
}

const PORT = 8090;
/** Of all that is asked for at a time. */
const LIMIT_MS = 15_000;

/** Conversations with an origin of their own through the pair; conversation.mjs says what they are. */
export class Conversations {
  readonly #children: readonly ChildProcess[];
  readonly #heard = new Map<string, string>();
  readonly #wake = new Set<() => void>();
  #next = 0;

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
  }

  static async start({ network: { client, origin } }: Pair): Promise<Conversations> {
    const program = join(ROOT, 'test', 'system', 'support', 'conversation.mjs');
    const { v4 } = origin.address;
    const serving = origin.spawn(process.execPath, [program, 'origin', v4, String(PORT)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const args = [program, 'client', SOCKS.split(':')[1]!, v4, String(PORT)];
    const asking = client.spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const all = new Conversations([serving, asking]);
    for (const { stdout } of all.#children) eachWholeLine(stdout!, (line) => all.#hear(line));
    await all.#outcome('ready');
    return all;
  }

  /** Resolves to what went wrong, one line for each conversation that is not exact. */
  async hold(conversations: readonly Conversation[]): Promise<readonly string[]> {
    const outcomes = conversations.map((conversation) => this.#ask('ended', conversation));
    return (await Promise.all(outcomes)).filter((outcome) => outcome !== 'ok');
  }

  /** Opens a connection that stays. @returns its id, for `say` */
  async open(): Promise<number> {
    const id = this.#next;
    const outcome = await this.#ask('open', { up: 0, down: -1 });
    if (outcome !== 'ok') throw new Error(`not opened: ${outcome}`);
    return id;
  }

  /** Sends bytes on such a connection, which come back. Resolves to `ok`, or to what went wrong. */
  say(id: number, bytes: number): Promise<string> {
    this.#tell({ say: id, bytes });
    return this.#outcome(`said ${id}`);
  }

  stop(): void {
    for (const child of this.#children) child.kill();
  }

  #ask(heading: string, conversation: Conversation): Promise<string> {
    const id = this.#next++;
    this.#tell({ id, ...conversation });
    return this.#outcome(`${heading} ${id}`);
  }

  #tell(command: object): void {
    this.#children[1]!.stdin!.write(`${JSON.stringify(command)}\n`);
  }

  #hear(line: string): void {
    const [, heading = line, outcome = ''] = /^(\w+ \d+) (.*)$/.exec(line) ?? [];
    this.#heard.set(heading, outcome);
    for (const wake of [...this.#wake]) wake();
  }

  /** What is said under a heading, once. */
  #outcome(heading: string): Promise<string> {
    return new Promise((resolve) => {
      const finish = (outcome: string) => {
        clearTimeout(timer);
        this.#wake.delete(look);
        resolve(outcome);
      };
      const look = () => {
        const outcome = this.#heard.get(heading);
        if (outcome !== undefined && this.#heard.delete(heading)) finish(outcome);
      };
      const timer = setTimeout(finish, LIMIT_MS, `nothing in ${LIMIT_MS} ms`);
      this.#wake.add(look);
      look();
    });
  }
}
