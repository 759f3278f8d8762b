import type { Transfer } from './arrivals.ts';
import type { Playback } from './player.ts';
import type { Talk, TalkEnd } from './talk.ts';
import type { Watched } from './watch.ts';

/** A host and a port. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** How the client reaches the origin. */
export interface Route {
  /** A SOCKS5 proxy; otherwise plain TCP. */
  readonly socks?: Endpoint;
  /** Source address of plain TCP, which chooses the uplink. */
  readonly localAddress?: string;
}

/** Bulk in one direction: for a time after the first byte, or so many bytes. */
export interface BulkJob {
  readonly kind: 'bulk';
  readonly direction: 'down' | 'up';
  readonly ms?: number;
  readonly bytes?: number;
}

/** A bulk download, and a bulk upload for a time after its first byte, at once. */
export interface DuplexJob {
  readonly kind: 'duplex';
  readonly ms: number;
}

/** Downloads of given sizes on fresh connections. */
export interface FetchJob {
  readonly kind: 'fetch';
  readonly sizes: readonly number[];
  /** How many at a time. */
  readonly parallel: number;
  /** Time between the starts of two of those at a time; all at once unless told. */
  readonly startEveryMs?: number;
  /** Pause between the end of one and the start of the next in the same lane. */
  readonly pauseMs: number;
  /** Fetched while a bulk download runs, which gets this long alone first. */
  readonly besideBulkAfterMs?: number;
}

/** A small message there and back, again and again, on one connection. */
export interface EchoJob {
  readonly kind: 'echo';
  readonly bytes: number;
  readonly everyMs: number;
  readonly count: number;
}

/** An upload at an even pace, then the end of its direction, then the origin's answer: as a spoken question. */
export interface AskJob {
  readonly kind: 'ask';
  readonly bytes: number;
  readonly rateMbps: number;
  readonly answerBytes: number;
}

/** A live stream of a constant rate, played from when `bufferMs` of it are there. */
export interface LiveJob {
  readonly kind: 'live';
  readonly rateMbps: number;
  readonly ms: number;
  readonly bufferMs: number;
}

/** What a client agent is told to do. */
export interface ClientJob {
  readonly task: BulkJob | DuplexJob | FetchJob | EchoJob | AskJob | LiveJob;
  readonly origin: Endpoint;
  readonly route: Route;
  /** The job is given up after this time. */
  readonly limitMs: number;
}

/** What it found out. */
export interface ClientResult {
  /** Of a bulk download, also the one that ran beside; of a live stream; of the answer to a question. */
  bulk?: Transfer;
  /** From connecting to the last byte, or from sending to the echo, or from the end of the question to that of the answer. */
  timesMs?: number[];
  playback?: Playback;
  /** Of all fetches together. */
  totalMs?: number;
  /** Fetches or echoes that went wrong, with the first reason. */
  failures?: number;
  error?: string;
}

/** A line on stdin of a crowd, as JSON: a conversation to begin. */
export interface CrowdLine {
  readonly talk: Talk;
  readonly origin: Endpoint;
  readonly route: Route;
}

/** Lines on stdout of the agents, as JSON. */
export type AgentLine =
  | { event: 'ready' }
  | { event: 'first-byte'; atMs: number }
  | { event: 'received'; key: number; transfer: Transfer }
  | { event: 'result'; result: ClientResult }
  | { event: 'talked'; end: TalkEnd }
  | { event: 'watched'; watched: Watched };

/** Prints one. */
export function tell(line: AgentLine, onWritten: () => void = () => {}): void {
  process.stdout.write(`${JSON.stringify(line)}\n`, onWritten);
}
