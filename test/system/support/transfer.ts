import type { ChildProcess } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { Namespace } from '../../bed/namespace.ts';
import type { Origin } from './origin.ts';
import { type Pair, SOCKS } from './pair.ts';

/** How a transfer went. */
export interface TransferResult {
  /** Of curl; 0 is success. */
  readonly exitCode: number;
  readonly stderr: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Goodput from `START_UP_BYTES` on, megabits per second, measured where the bytes arrive. */
  readonly mbps: number;
  /** The longest time in which no byte arrived. */
  readonly longestPauseMs: number;
}

export interface TransferOptions {
  /** As curl's `--limit-rate`, bytes per second. */
  readonly limitRate?: number;
  /** curl gives up after this long. */
  readonly maxSeconds?: number;
  /** Where curl runs without a proxy, and what runs it there; otherwise at the client, through its SOCKS5. */
  readonly without?: { readonly place: Namespace; readonly runner?: readonly string[] };
  /** Of what is downloaded; that of the pair unless told. */
  readonly origin?: Origin;
}

/** What is left out of the goodput: subflows find out in it what their paths can carry. */
const START_UP_BYTES = 3_000_000;
const MAX_SECONDS = 60;
const PIECE_BYTES = 64 * 1024;

/** A transfer by curl through the client's SOCKS5, under way. */
export class Transfer {
  /** Resolves when curl has ended, well or not. */
  readonly done: Promise<TransferResult>;
  readonly #meter: Meter;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, meter: Meter, done: Promise<TransferResult>) {
    this.#child = child;
    this.#meter = meter;
    this.done = done;
  }

  /** Bytes that have arrived. */
  get bytes(): number {
    return this.#meter.bytes;
  }

  /** Resolves when so many bytes have arrived; throws when the transfer ends before. */
  async reached(bytes: number): Promise<void> {
    const ended = this.done.then(({ exitCode, stderr }) => {
      if (this.bytes < bytes) throw new Error(`curl ended after ${this.bytes} bytes: ${exitCode} ${stderr}`);
    });
    await Promise.race([this.#meter.reached(bytes), ended]);
  }

  /** Ends curl in the middle. */
  async abort(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.done;
  }
}

/** Downloads `bytes` bytes of the origin's sequence. */
export function download(pair: Pair, bytes: number, options: TransferOptions = {}): Transfer {
  const meter = new Meter();
  const hash = createHash('sha256');
  const { url } = options.origin ?? pair.origin;
  const child = curl(pair, [`${url}/bytes/${bytes}`], options);
  child.stdout!.on('data', (piece: Buffer) => {
    hash.update(piece);
    meter.add(piece.length);
  });
  return new Transfer(
    child,
    meter,
    ended(child).then((end) => ({ ...end, ...meter.figures(), sha256: hash.digest('hex') })),
  );
}

/** Uploads the same sequence; the origin counts and hashes. */
export function upload(pair: Pair, bytes: number, options: TransferOptions = {}): Transfer {
  const meter = new Meter();
  pair.origin.onProgress = (kind, total) => {
    if (kind === 'received') meter.add(total - meter.bytes);
  };
  const child = curl(pair, ['-H', 'Expect:', '-T', '-', `${pair.origin.url}/`], options);
  let sha256 = '';
  child.stdout!.on('data', (text) => {
    sha256 += text;
  });
  // curl may end before it has read everything.
  child.stdin!.on('error', () => {});
  Readable.from(sequence(bytes)).pipe(child.stdin!);
  return new Transfer(
    child,
    meter,
    ended(child).then((end) => ({ ...end, ...meter.figures(), sha256 })),
  );
}

/** SHA-256 of the first `bytes` bytes of the sequence. */
export function expectedSha256(bytes: number): string {
  const hash = createHash('sha256');
  for (const piece of sequence(bytes)) hash.update(piece);
  return hash.digest('hex');
}

/** The sequence of origin.mjs: the key stream of AES-CTR. */
function* sequence(bytes: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  const zeros = Buffer.alloc(PIECE_BYTES);
  for (let left = bytes; left > 0; left -= PIECE_BYTES) {
    yield cipher.update(zeros.subarray(0, Math.min(left, PIECE_BYTES)));
  }
}

function curl(
  { network }: Pair,
  args: readonly string[],
  { limitRate, maxSeconds = MAX_SECONDS, without }: TransferOptions,
): ChildProcess {
  const limit = limitRate === undefined ? [] : ['--limit-rate', String(limitRate)];
  const proxy = without === undefined ? ['--socks5-hostname', SOCKS] : [];
  const common = ['-sS', '--fail', '--max-time', String(maxSeconds), ...proxy];
  const [command = 'curl', ...before] = [...(without?.runner ?? []), 'curl'];
  const place = without?.place ?? network.client;
  return place.spawn(command, [...before, ...common, ...limit, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
}

async function ended(child: ChildProcess): Promise<{ exitCode: number; stderr: string }> {
  let stderr = '';
  child.stderr!.on('data', (text) => {
    stderr += text;
  });
  const [code] = await once(child, 'close');
  return { exitCode: code ?? -1, stderr: stderr.trim() };
}

/** Arrivals over time. */
class Meter {
  bytes = 0;
  #steadySinceMs: number | undefined;
  #steadyFrom = 0;
  #lastMs: number | undefined;
  #longestPauseMs = 0;
  readonly #waiting: { readonly bytes: number; readonly resolve: () => void }[] = [];

  add(bytes: number): void {
    const nowMs = performance.now();
    if (this.#lastMs !== undefined)
      this.#longestPauseMs = Math.max(this.#longestPauseMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    this.bytes += bytes;
    if (this.#steadySinceMs === undefined && this.bytes >= START_UP_BYTES) {
      this.#steadySinceMs = nowMs;
      this.#steadyFrom = this.bytes;
    }
    for (const waiting of this.#waiting) if (this.bytes >= waiting.bytes) waiting.resolve();
  }

  reached(bytes: number): Promise<void> {
    if (this.bytes >= bytes) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ bytes, resolve }));
  }

  figures(): { bytes: number; mbps: number; longestPauseMs: number } {
    const seconds = ((this.#lastMs ?? 0) - (this.#steadySinceMs ?? 0)) / 1000;
    const mbps = seconds > 0 ? ((this.bytes - this.#steadyFrom) * 8) / 1e6 / seconds : 0;
    return { bytes: this.bytes, mbps, longestPauseMs: this.#longestPauseMs };
  }
}
