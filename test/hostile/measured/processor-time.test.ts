import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Origin, startOrigin } from '../../end-to-end/support/origin.ts';
import { Pair } from '../../end-to-end/support/pair.ts';
import { readBytes, socksConnect } from '../../end-to-end/support/socks-client.ts';
import { BusyClient } from '../support/busy-client.ts';

/*
 * One concentrator, two clients. One of them floods it with all that makes work: subflows x streams, policies, un-receipted
 * ends, byte-wise receipts, the smallest frames. The other fetches small pages and downloads something large. What the second
 * one notices is the ratio of times within one run, so that it does not matter how fast the machine is.
 */

const FETCH_BYTES = 10_000;
/** In one block; quiet and flooded blocks take turns, so that what else the machine does meets both. */
const FETCHES = 15;
const BULK_MS = 500;
const ROUNDS = 5;
/** What else the machine does makes it worse, not better: one attempt that shows it is enough. */
const ATTEMPTS = 3;
/** Time that a small answer takes at its origin: without it every fetch would be as short as the loopback is. */
const ORIGIN_MS = 20;
const SESSIONS = 2;
const SUBFLOWS = 32;
const STREAMS = 300;
const ATTACKER = 'attacker';

let pair: Pair;
let pages: Origin;
let bulk: Origin;
let dribble: Origin;
const attackers: BusyClient[] = [];

beforeAll(async () => {
  const page = Buffer.alloc(FETCH_BYTES, 1);
  pages = await startOrigin((socket) =>
    socket.once('data', () => setTimeout(() => socket.end(page), ORIGIN_MS)),
  );
  const block = Buffer.alloc(256 * 1024, 2);
  bulk = await startOrigin((socket) => {
    const pump = () => {
      while (socket.writable && socket.write(block));
    };
    socket.on('drain', pump);
    pump();
  });
  dribble = await startOrigin((socket) => {
    socket.write('x');
  });
  pair = await Pair.start({ otherClients: [ATTACKER] });
  for (let i = 0; i < SESSIONS; i++) {
    const attacker = await BusyClient.connect(pair, pair.identityOf(ATTACKER), SUBFLOWS);
    attackers.push(attacker);
    await attacker.open(STREAMS, dribble, (id) => {
      if (id % 3 === 0) return { mode: 'redundant' };
      if (id % 3 === 1) return { mode: 'weighted', weights: { u0: 1, u1: 1 + id }, only: ['u0'] };
      return { mode: 'round-robin' };
    });
  }
}, 120_000);

afterAll(async () => {
  for (const attacker of attackers) attacker.close();
  for (const origin of [pages, bulk, dribble]) await origin?.close();
  await pair?.close();
});

/** How long it takes to fetch a small page through the other client. */
async function fetchMs(): Promise<number> {
  const startMs = performance.now();
  const { socket } = await socksConnect(pair.socks, pages, { earlyData: Buffer.from('GET') });
  await readBytes(socket, FETCH_BYTES);
  const ms = performance.now() - startMs;
  socket.destroy();
  return ms;
}

/** Bytes per millisecond of a large download through the other client. */
async function bulkRate(): Promise<number> {
  const { socket } = await socksConnect(pair.socks, bulk);
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await sleep(100);
  const [before, startMs] = [bytes, performance.now()];
  await sleep(BULK_MS);
  const rate = (bytes - before) / (performance.now() - startMs);
  socket.destroy();
  await sleep(50);
  return rate;
}

interface Service {
  readonly fetchesMs: number[];
  readonly rates: number[];
}

async function serve(service: Service): Promise<void> {
  for (let i = 0; i < FETCHES; i++) service.fetchesMs.push(await fetchMs());
  service.rates.push(await bulkRate());
}

/** How much longer a fetch takes beside the flood, and how much of its fair share a download gets. */
async function compare(): Promise<{ fetchRatio: number; bulkShare: number }> {
  const quiet: Service = { fetchesMs: [], rates: [] };
  const flooded: Service = { fetchesMs: [], rates: [] };
  for (let round = 0; round < ROUNDS; round++) {
    await serve(quiet);
    for (const attacker of attackers) attacker.flood();
    await sleep(150);
    await serve(flooded);
    for (const attacker of attackers) attacker.pause();
    await sleep(150);
  }
  const [p95, floodedP95] = [quiet, flooded].map(({ fetchesMs }) => quantile(fetchesMs, 0.95)) as [
    number,
    number,
  ];
  const [rate, floodedRate] = [quiet, flooded].map(({ rates }) => quantile(rates, 0.5)) as [number, number];
  // Half of the processor is the fair share of each of two.
  const [fetchRatio, bulkShare] = [floodedP95 / p95, floodedRate / (rate / 2)];
  console.log(
    `10 kB fetch p95 ${p95.toFixed(1)} ms alone, ${floodedP95.toFixed(1)} ms beside the flood (${fetchRatio.toFixed(2)} x); ` +
      `bulk ${(rate / 1000).toFixed(0)} MB/s alone, ${(floodedRate / 1000).toFixed(0)} beside it ` +
      `(${bulkShare.toFixed(2)} of its fair share)`,
  );
  return { fetchRatio, bulkShare };
}

it('a client that floods the concentrator with work leaves another its service', async () => {
  await serve({ fetchesMs: [], rates: [] });
  let found = await compare();
  for (let attempt = 1; attempt < ATTEMPTS && !isFair(found); attempt++) found = await compare();
  expect(attackers.every(({ isConnected }) => isConnected)).toBe(true);
  const waits = (await pair.metrics('concentrator')).sum('tributary_limits_reached_total', {
    limit: 'processorShare',
  });
  console.log(`the flooding client had to wait ${waits} times`);
  expect(waits).toBeGreaterThan(100);
  expect(found.fetchRatio).toBeLessThan(MOST_FETCH_RATIO);
  expect(found.bulkShare).toBeGreaterThan(LEAST_BULK_SHARE);
}, 120_000);

const MOST_FETCH_RATIO = 1.5;
const LEAST_BULK_SHARE = 0.8;

function isFair({ fetchRatio, bulkShare }: Awaited<ReturnType<typeof compare>>): boolean {
  return fetchRatio < MOST_FETCH_RATIO && bulkShare > LEAST_BULK_SHARE;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}
