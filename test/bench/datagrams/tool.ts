import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { compiled } from '../../bed/compile.ts';
import type { Direction } from '../../bed/emulator.ts';
import type { Namespace } from '../../bed/namespace.ts';
import { eachWholeLine } from '../../bed/whole-lines.ts';
import type { DatagramArrival, FlowRecord } from './flow-figures.ts';
import type { Questions, Stream } from './traffic.ts';

/** Where the origin of datagrams is, for clients. */
export interface DatagramTarget {
  readonly host: string;
  readonly port: number;
}

/** How a client reaches it: by the SOCKS5 proxy at this port of 127.0.0.1, or by plain UDP from this address. */
export type DatagramRoute = { readonly socksPort: number } | { readonly from: string };

/** A conversation in datagrams. */
export interface Call {
  /** Unique in a bed. */
  readonly key: number;
  readonly ms: number;
  readonly up: Stream;
  readonly down: Stream;
}

/** Of each call by its key: what left one end, and what came to it. */
export interface EndOfCalls {
  readonly sent: ReadonlyMap<number, number>;
  readonly came: ReadonlyMap<number, readonly DatagramArrival[]>;
}

/** Beyond what a program's own limits say. */
const GRACE_MS = 10_000;
/** For what is late, in the program. */
const TAIL_MS = 1_500;
const NS_PER_MS = 1e6;

/** About how long a call takes. */
export function callMs({ ms }: Pick<Call, 'ms'>): number {
  return ms + TAIL_MS;
}

/** The origin of datagrams in a namespace. */
export class DatagramOrigin {
  readonly #child: ChildProcess;
  readonly #lines: string[];
  readonly #closed: Promise<unknown>;

  private constructor(child: ChildProcess, lines: string[]) {
    this.#child = child;
    this.#lines = lines;
    this.#closed = once(child, 'close');
    child.stdin?.on('error', () => {});
  }

  static async start(where: Namespace, port: number): Promise<DatagramOrigin> {
    const child = where.spawn(await compiled('datagrams'), ['origin', String(port)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      eachWholeLine(
        child.stdout!,
        (line) => {
          if (line === 'ready') resolve();
          else lines.push(line);
        },
        () => reject(new Error('the origin of datagrams ended')),
      );
    });
    return new DatagramOrigin(child, lines);
  }

  /** Ends it. @returns its end of all calls */
  async stop(): Promise<EndOfCalls> {
    this.#child.stdin?.end();
    await this.#closed;
    return endOfCalls(this.#lines);
  }
}

/** Makes a call, as a client. Throws an Error with what the program says when it cannot. */
export async function makeCall(
  where: Namespace,
  route: DatagramRoute,
  target: DatagramTarget,
  { key, ms, up, down }: Call,
): Promise<EndOfCalls> {
  const values = [key, ms, up.bytes, up.gapUs, down.bytes, down.gapUs];
  return endOfCalls(await client(where, 'call', route, target, values, ms));
}

/** Asks question after question. @returns times in ms; undefined for one without an answer */
export async function ask(
  where: Namespace,
  route: DatagramRoute,
  target: DatagramTarget,
  { count, gapMs, bytes }: Questions,
  limitMs: number,
): Promise<(number | undefined)[]> {
  const lines = await client(where, 'ask', route, target, [count, gapMs, bytes], limitMs);
  return lines.map((line) => Number(line.split(' ')[1]) / NS_PER_MS || undefined);
}

/** What comes back of as many datagrams as will go, `window` at a time. */
export async function flood(
  where: Namespace,
  route: DatagramRoute,
  target: DatagramTarget,
  { window, ms, bytes }: { readonly window: number; readonly ms: number; readonly bytes: number },
): Promise<{ answers: number; seconds: number }> {
  const [line = ''] = await client(where, 'flood', route, target, [window, ms, bytes], ms);
  const found = /^answers (?<answers>\d+) lost \d+ ns (?<ns>\d+)$/.exec(line)?.groups;
  if (!found) throw new Error(`datagrams flood said "${line}"`);
  return { answers: Number(found.answers), seconds: Number(found.ns) / 1e9 };
}

/** The two ends of a call, put together. */
export function bothDirections(
  key: number,
  client: EndOfCalls,
  origin: EndOfCalls,
): Record<Direction, FlowRecord> {
  const flow = (from: EndOfCalls, to: EndOfCalls): FlowRecord => ({
    sent: from.sent.get(key) ?? 0,
    arrivals: to.came.get(key) ?? [],
  });
  return { up: flow(client, origin), down: flow(origin, client) };
}

async function client(
  where: Namespace,
  mode: 'call' | 'ask' | 'flood',
  route: DatagramRoute,
  { host, port }: DatagramTarget,
  values: readonly number[],
  limitMs: number,
): Promise<string[]> {
  const way = 'from' in route ? `from:${route.from}` : `socks:${route.socksPort}`;
  const args = [mode, way, host, String(port), ...values.map(String)];
  const text = await where.exec(await compiled('datagrams'), args, {
    timeoutMs: limitMs + TAIL_MS + GRACE_MS,
  });
  return text.split('\n').filter(Boolean);
}

function endOfCalls(lines: readonly string[]): EndOfCalls {
  const sent = new Map<number, number>();
  const came = new Map<number, DatagramArrival[]>();
  for (const line of lines) {
    const [what, key, , first, second, third] = line.split(' ');
    if (what === 'sent') sent.set(Number(key), Number(first));
    if (what !== 'got') continue;
    const arrivals = came.get(Number(key)) ?? [];
    came.set(Number(key), arrivals);
    arrivals.push({
      sequence: Number(first),
      sentMs: Number(second) / NS_PER_MS,
      receivedMs: Number(third) / NS_PER_MS,
    });
  }
  return { sent, came };
}
