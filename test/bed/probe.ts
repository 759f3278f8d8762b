import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Bed } from './bed.ts';
import { compiled } from './compile.ts';
import type { Direction } from './emulator.ts';
import type { Namespace } from './namespace.ts';
import type { Uplink } from './uplink.ts';
import { eachWholeLine } from './whole-lines.ts';

/** Round trips of small datagrams. */
export interface RttResult {
  sent: number;
  received: number;
  minMs: number;
  medianMs: number;
  meanMs: number;
  maxMs: number;
  deviationMs: number;
}

/** A paced stream of full-sized datagrams one way. */
export interface DatagramResult {
  sent: number;
  received: number;
  reordered: number;
  /** Rate of the arriving IP packets. */
  rateMbps: number;
  /** One way, of the quickest. */
  minDelayMs: number;
  /** One way, exceeded by a tenth; of a full queue it is what the queue adds. */
  p90DelayMs: number;
}

/** Of a TCP segment on an MTU of 1500: 20 IPv4 + 32 TCP with time stamps. */
const TCP_PAYLOAD_SHARE = 1448 / 1500;
const PORT = '7001';

/** Round-trip time from the client over one uplink and back, by `count` small datagrams `gapMs` apart. */
export async function measureRtt(bed: Bed, uplink: Uplink, count: number, gapMs: number): Promise<RttResult> {
  const echo = await serve(bed.concentrator, ['udp-echo', PORT, String(count * gapMs + 5000)]);
  const args = ['udp-ping', uplink.concentrator.v4, PORT, String(count), String(gapMs)];
  const text = await bed.client.exec(await compiled('probe'), args, { timeoutMs: count * gapMs + 5000 });
  echo.child.kill('SIGKILL');
  await echo.output;
  const { received, rtt } = parse(text, /received (?<received>\d+) rtt (?<rtt>.*)/);
  const [min, median, mean, max, deviation] = numbers(rtt, 1e6);
  return {
    sent: count,
    received: Number(received),
    minMs: min ?? Number.NaN,
    medianMs: median ?? Number.NaN,
    meanMs: mean ?? Number.NaN,
    maxMs: max ?? Number.NaN,
    deviationMs: deviation ?? Number.NaN,
  };
}

/** Sends datagrams one way over one uplink at an even pace. Above the link's rate it shows rate and queue, below it loss. */
export async function measureDatagrams(
  bed: Bed,
  uplink: Uplink,
  direction: Direction,
  rateMbps: number,
  durationMs: number,
): Promise<DatagramResult> {
  const { from, to, address } = ends(bed, uplink, direction);
  const sink = await serve(to, ['udp-sink', PORT, String(durationMs + 10_000)]);
  const args = ['udp-send', address, PORT, String(rateMbps * 1e6), String(durationMs)];
  const sender = await from.exec(await compiled('probe'), args, { timeoutMs: durationMs + 5000 });
  const found = parse(
    await sink.output,
    /received (?<received>\d+) ns (?<ns>\d+) bytes (?<bytes>\d+) reordered (?<reordered>\d+) delay (?<delay>.*)/,
  );
  const [min, p90] = numbers(found.delay, 1e6);
  return {
    sent: Number(parse(sender, /sent (?<sent>\d+)/).sent),
    received: Number(found.received),
    reordered: Number(found.reordered),
    rateMbps: (Number(found.bytes) * 8000) / Number(found.ns),
    minDelayMs: min ?? Number.NaN,
    p90DelayMs: p90 ?? Number.NaN,
  };
}

/** Rate of one bulk TCP connection over one uplink, in Mbit/s of IP packets (for an MTU of 1500). */
export async function measureTcp(
  bed: Bed,
  uplink: Uplink,
  direction: Direction,
  warmupMs: number,
  durationMs: number,
): Promise<number> {
  const { from, to, address } = ends(bed, uplink, direction);
  const sink = await serve(to, ['tcp-sink', PORT, String(warmupMs), String(durationMs)]);
  const limitMs = warmupMs + durationMs + 3000;
  const sender = from.spawn(await compiled('probe'), ['tcp-send', address, PORT, String(limitMs)], {
    stdio: 'ignore',
  });
  const { bytes, ns } = parse(await sink.output, /bytes (?<bytes>\d+) ns (?<ns>\d+)/);
  if (sender.exitCode === null && sender.signalCode === null) {
    sender.kill('SIGKILL');
    await once(sender, 'exit');
  }
  return (Number(bytes) * 8000) / Number(ns) / TCP_PAYLOAD_SHARE;
}

function ends(bed: Bed, uplink: Uplink, direction: Direction) {
  return direction === 'up'
    ? { from: bed.client, to: bed.concentrator, address: uplink.concentrator.v4 }
    : { from: bed.concentrator, to: bed.client, address: uplink.client.v4 };
}

/** Starts a probe that says "ready"; `output` is what it says after that, until it ends. */
async function serve(
  where: Namespace,
  args: string[],
): Promise<{ child: ChildProcess; output: Promise<string> }> {
  const child = where.spawn(await compiled('probe'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let errors = '';
  const ended = once(child, 'close');
  child.stderr?.on('data', (chunk) => {
    errors += chunk;
  });
  if (!child.stdout) throw new Error('probe without stdout');
  const { stdout } = child;
  const ready = new Promise<void>((resolve) => {
    eachWholeLine(stdout, (line) => {
      text += `${line}\n`;
      resolve();
    });
  });
  await Promise.race([
    ready,
    ended.then(() => Promise.reject(new Error(`probe ${args.join(' ')} ended: ${errors}`))),
  ]);
  return { child, output: ended.then(() => text) };
}

function parse(text: string, pattern: RegExp): Record<string, string | undefined> {
  const groups = pattern.exec(text)?.groups;
  if (!groups) throw new Error(`probe said "${text.trim()}"`);
  return groups;
}

function numbers(text: string | undefined, unit: number): number[] {
  return (text ?? '').split(' ').map((word) => Number(word) / unit);
}
