import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { SUBFLOW_ALPN, SUBFLOW_TLS_OPTIONS } from '../../shared/runtime/subflow/subflow-tls.ts';
import { compiled } from '../bed/compile.ts';
import { waitedForCpuMs } from '../lab/cpu-wait.ts';
import { needs } from '../support/needs.ts';
import { FarClient, type Reconnection } from './support/far-client.ts';
import { LoneConcentrator } from './support/lone-concentrator.ts';

/*
 * The built concentrator, strangers from another process, and clients 100 ms away:
 *
 *   flood, 127.0.0.9 and 127.1.x.y ── 5,000 silent connections and 1,000 ClientHellos a second ──► concentrator
 *   clients that were here before, clients that are new, and clients behind one address ── 50 ms ──► concentrator
 */
const SILENT_PER_SECOND = 5_000;
const HELLOS_PER_SECOND = 1_000;
/** Of both: what one machine withstands, another one that is half as fast withstands by half. Either share fills every place. */
const SHARES = [1, 0.5];
const FLOOD_S = 8;
/** The flood has filled every place by then. */
const SETTLE_MS = 1_000;
const RECONNECTING_MS = 4_000;
const WITHIN_MS = 3_000;
const SHARE_IN_TIME = 0.99;
const DELAY_MS = 50;
const RECONNECT_EVERY_MS = 400;

/** With less of the flood, or a concentrator that waits longer for a processor, the machine is too busy to tell. */
const FLOODED_SHARE = 0.8;
const WAITED_SHARE = 0.3;

/** Where clients come from; the first kind has been there before the flood. */
const RETURNING = Array.from({ length: 12 }, (_, i) => `127.2.${i}.1`);
/** In the network that the flood comes from. */
const NEIGHBOURS = ['127.0.0.10', '127.0.0.11', '127.0.0.12'];
const SHARED_ADDRESS = '127.3.0.1';
const BEHIND_SHARED = 40;

let folder: string;
let flood: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-flood-'));
  flood = await compiled('flood');
  await writeFile(join(folder, 'hello'), await recordedHello());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const FLOODS = [
  { who: 'strangers', from: ['127.0.0.9', '127.1'] },
  // A quarter of the clients that return have these addresses, too.
  { who: 'hosts of clients', from: ['127.2.0.1', '127.2.1.1', '127.2.2.1'] },
] as const;

describe('a flood of handshakes', needs('compiler'), () => {
  it.for(FLOODS)(
    'from $who keeps no client of another address out',
    { timeout: 180_000 },
    async ({ from }, context) => {
      for (const share of SHARES) {
        const { isTold, kinds, metrics, turnedAwayLines } = await flooding(from, share);
        const isWithstood = isTold && kinds.every((all) => inTime(all) >= SHARE_IN_TIME);
        if (!isWithstood && share !== SHARES.at(-1)) continue;
        if (!isTold) context.skip('the machine is too busy to measure');
        for (const all of kinds) expect(inTime(all)).toBeGreaterThanOrEqual(SHARE_IN_TIME);
        const [back, beside, , fresh] = kinds;
        expect(Math.min(...[back, beside, fresh].map(({ length }) => length))).toBeGreaterThan(5);
        expect(metrics.sum('tributary_handshakes_crowded_total')).toBeGreaterThan(share * SILENT_PER_SECOND);
        // A burst of 20, and one in ten seconds; see LineLimit.
        expect(turnedAwayLines).toBeLessThan(30);
        return;
      }
    },
  );
});

/** Clients of four kinds beside a flood: those that come back, neighbours of the flood, many behind one address, and new ones. */
async function flooding(from: readonly string[], share: number) {
  const names = ['returning', 'neighbour', 'shared', 'new'];
  const limits = { sessionsPerClient: 200 };
  const concentrator = await LoneConcentrator.start({ clients: names, limits });
  onTestFinished(() => concentrator.stop());
  const client = (name: string, address: string) =>
    new FarClient({ concentrator, name, address, delayMs: DELAY_MS });
  const returning = RETURNING.map((address) => client('returning', address));
  const neighbours = NEIGHBOURS.map((address) => client('neighbour', address));
  const shared = Array.from({ length: BEHIND_SHARED }, () => client('shared', SHARED_ADDRESS));
  for (const one of [...returning, ...neighbours, shared[0]!]) await one.begin();

  const load = await loadOf(concentrator);
  const flooded = startFlood(concentrator, from, share);
  await sleep(SETTLE_MS);
  const isFlooding = (address: string) => from.some((one) => one === address);
  const kinds = await Promise.all([
    reconnecting(returning.filter((_, i) => !isFlooding(RETURNING[i]!))),
    reconnecting(neighbours),
    Promise.all(shared.map((one) => one.reconnect())),
    comingAnew((i) => client('new', `127.${4 + (i >> 8)}.${i & 255}.1`)),
  ]);
  const { text, waited } = await load();
  const metrics = await concentrator.metrics();
  const said = await flooded;

  console.log(`flood, ${share} of it: ${said}\nconcentrator: ${text}`);
  for (const [i, kind] of ['back', 'beside', 'behind', 'fresh'].entries()) console.log(told(kind, kinds[i]!));
  for (const stage of ['silent', 'line', 'tls', 'applicant']) {
    const of = (outcome: string) => metrics.sum('tributary_handshakes_crowded_total', { stage, outcome });
    console.log(`${stage}: ${of('refused')} refused, ${of('displaced')} displaced`);
  }
  const planned = share * FLOOD_S * (SILENT_PER_SECOND + HELLOS_PER_SECOND);
  const connected = Number(/connected (\d+)/.exec(said)?.[1]);
  const isTold = connected >= FLOODED_SHARE * planned && waited <= WAITED_SHARE;
  const turnedAwayLines = concentrator.lines('a connection was turned away');
  await concentrator.stop();
  return { isTold, kinds, metrics, turnedAwayLines };
}

/** What the concentrator takes from now on, until the result is called. */
async function loadOf(concentrator: LoneConcentrator) {
  const read = async () => ({
    atMs: performance.now(),
    waitedMs: await waitedForCpuMs(concentrator.pid),
    metrics: await concentrator.metrics(),
  });
  const before = await read();
  return async () => {
    const after = await read();
    const seconds = (after.atMs - before.atMs) / 1_000;
    const [cpuBefore, cpuAfter] = [before, after].map(({ metrics }) =>
      metrics.sum('process_cpu_seconds_total'),
    );
    const cores = ((cpuAfter! - cpuBefore!) / seconds).toFixed(2);
    const waited = (after.waitedMs - before.waitedMs) / 1_000 / seconds;
    const megabytes = (after.metrics.sum('process_resident_memory_bytes') / 1e6).toFixed(0);
    const lag = (after.metrics.sum('nodejs_eventloop_lag_p99_seconds') * 1_000).toFixed(0);
    const text =
      `${cores} cores, ${megabytes} MB, event loop late by ${lag} ms (p99); ` +
      `${(waited * 100).toFixed(0)} % of the time it waited for a core`;
    return { text, waited };
  };
}

async function startFlood(
  { host, port }: LoneConcentrator,
  from: readonly string[],
  share: number,
): Promise<string> {
  const rates = [SILENT_PER_SECOND, HELLOS_PER_SECOND].map((rate) => share * rate);
  const args = [host, port, FLOOD_S, ...rates, join(folder, 'hello')].map(String);
  const child = spawn(flood, [...args, ...from], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (text: Buffer) => {
    said += text.toString();
  });
  await once(child, 'close');
  return said.trim();
}

/** Each comes back again and again, as when its uplinks flap. */
async function reconnecting(clients: readonly FarClient[]): Promise<readonly Reconnection[]> {
  const endMs = performance.now() + RECONNECTING_MS;
  const each = clients.map(async (client, i) => {
    await sleep((i * RECONNECT_EVERY_MS) / clients.length);
    const all: Reconnection[] = [];
    while (performance.now() < endMs) {
      all.push(await client.reconnect());
      await sleep(RECONNECT_EVERY_MS);
    }
    return all;
  });
  return (await Promise.all(each)).flat();
}

/** One after the other, each from a network that was never seen. */
async function comingAnew(clientOf: (i: number) => FarClient): Promise<readonly Reconnection[]> {
  const endMs = performance.now() + RECONNECTING_MS;
  const all: Promise<Reconnection>[] = [];
  for (let i = 0; performance.now() < endMs; i++) {
    all.push(clientOf(i).reconnect());
    await sleep(RECONNECT_EVERY_MS / 8);
  }
  return Promise.all(all);
}

function inTime(all: readonly Reconnection[]): number {
  return all.filter(({ tookMs }) => tookMs <= WITHIN_MS).length / all.length;
}

function told(kind: string, all: readonly Reconnection[]): string {
  const times = all.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  const at = (share: number) =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))]!.toFixed(0);
  const attempts = all.reduce((sum, one) => sum + one.attempts, 0);
  return (
    `${kind}: ${all.length} times, ${(inTime(all) * 100).toFixed(1)} % within ${WITHIN_MS} ms, ` +
    `median ${at(0.5)} ms, p99 ${at(0.99)} ms, ${attempts} attempts`
  );
}

/** What a client says first. */
async function recordedHello(): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const client = connectTls({
    ...SUBFLOW_TLS_OPTIONS,
    host: '127.0.0.1',
    port,
    ALPNProtocols: [SUBFLOW_ALPN],
  });
  client.on('error', () => {});
  const [socket] = await once(server, 'connection');
  const [bytes] = await once(socket, 'data');
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}
