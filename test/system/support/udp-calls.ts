import type { ChildProcess, StdioOptions } from 'node:child_process';
import { join } from 'node:path';
import { eachWholeLine } from '../../bed/whole-lines.ts';
import { type Pair, SOCKS } from './pair.ts';
import { ROOT } from './program.ts';

/** A datagram of so many bytes each time, to the origin and back, until so many answers have come. */
export interface UdpCall {
  readonly answers: number;
  readonly gapMs: number;
  readonly bytes: number;
}

/** Datagrams sent, answers that came, and the longest time without one. */
export interface CallFigures {
  readonly sent: number;
  readonly came: number;
  readonly longestMs: number;
}

const PORT = 8091;
/** However busy the machine is. */
const MOST_MS = 20_000;

/** An application that makes calls in datagrams through the pair, and its origin; udp-call.mjs says what they do. */
export class UdpCalls {
  readonly #children: ChildProcess[] = [];
  #onLine: (line: string) => void = () => {};

  /** @param v4 the address of the origin */
  static async start(
    { network: { client, origin } }: Pick<Pair, 'network'>,
    v4 = origin.address.v4,
  ): Promise<UdpCalls> {
    const program = join(ROOT, 'test', 'system', 'support', 'udp-call.mjs');
    const calls = new UdpCalls();
    await calls.#begin(
      origin.spawn(process.execPath, [program, 'origin', v4, String(PORT)], { stdio: STDIO }),
    );
    const args = [program, 'client', SOCKS.split(':')[1]!, v4, String(PORT)];
    await calls.#begin(client.spawn(process.execPath, args, { stdio: STDIO }));
    return calls;
  }

  /** One at a time, each on an association of its own. The client may be another one each time. */
  async make(call: UdpCall): Promise<CallFigures> {
    const line = this.#nextLine();
    this.#children[1]!.stdin!.write(`${JSON.stringify({ ...call, mostMs: MOST_MS })}\n`);
    return JSON.parse(await line) as CallFigures;
  }

  stop(): void {
    for (const child of this.#children) child.kill();
  }

  async #begin(child: ChildProcess): Promise<void> {
    this.#children.push(child);
    const ready = this.#nextLine();
    eachWholeLine(child.stdout!, (line) => this.#onLine(line));
    await ready;
  }

  #nextLine(): Promise<string> {
    return new Promise((resolve) => {
      this.#onLine = resolve;
    });
  }
}

const STDIO: StdioOptions = ['pipe', 'pipe', 'inherit'];
