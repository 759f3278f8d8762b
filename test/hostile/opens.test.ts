import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Destination } from '../../shared/protocol/destination.ts';
import { type Origin, startEcho } from '../end-to-end/support/origin.ts';
import { BEYOND_LOOPBACK, Pair } from '../end-to-end/support/pair.ts';
import { cpuTimes } from '../lab/cpu-wait.ts';
import type { NameServerReply } from '../support/name-server.ts';
import { needs } from '../support/needs.ts';
import { DescriptorWatch, descriptorsOf, OpenStorm } from './support/attack.ts';
import { BlackHole } from './support/black-hole.ts';
import { timeOpens } from './support/victim.ts';

const ROGUE = 'rogue';
/** A name server some way off, so that a busy machine does not look like a slow one. */
const NAME_SERVER_MS = 40;
/** What a storm has behind it when the victim's opens are timed, and how many of these there are. */
const WARM_UP_MS = 1_000;
const OPENS = 15;
/** Measurements of a victim that is slow, before it counts: other programs use this machine, too. */
const TRIES = 3;
/** A concentrator that waited for a core for more of the time says nothing about others that wait for it. */
const WAITED_SHARE = 0.2;
/** The defaults. */
const DIALS_PER_CLIENT = 256;
const MAX_NAMES_PER_CLIENT = 64;
/** Sockets for one name, and what else comes and goes. */
const OTHER_DESCRIPTORS = 64;
/** A burst of each kind of line and one every ten seconds; a limit has a line of its own. */
const MAX_LINES = 150;

/** Names below slow.test have no answer; hole.test has eight addresses that drop everything. */
function names(type: 'A' | 'AAAA', name: string): NameServerReply {
  if (name.endsWith('slow.test')) return 'silence';
  if (type === 'AAAA') return { addresses: [], delayMs: NAME_SERVER_MS };
  const holes = Array.from({ length: 8 }, (_, i) => `127.0.9.${i + 1}`);
  return { addresses: name === 'hole.test' ? holes : ['127.0.0.1'], delayMs: NAME_SERVER_MS };
}

describe('one client that opens what leads nowhere, as fast as it can', {
  timeout: 180_000,
  ...needs('mounts'),
}, () => {
  let pair: Pair;
  let echo: Origin;
  let hole: BlackHole;
  let asked = 0;
  beforeAll(async () => {
    echo = await startEcho();
    hole = await BlackHole.start();
    pair = await Pair.start({
      nameServer: true,
      names,
      otherClients: [ROGUE],
      concentrator: { egress: { allow: ['127.0.0.0/8'], deny: ['*:25', ...BEYOND_LOOPBACK] } },
    });
  });
  afterAll(async () => {
    await pair?.close();
    await hole?.close();
    await echo?.close();
  });

  const victim = () => timeOpens(pair, OPENS, () => ({ host: `v${asked++}.good.test`, port: echo.port }));

  const rows: {
    what: string;
    streams: number;
    limit: string | undefined;
    maxDescriptors: number;
    destination: (index: number) => Destination;
  }[] = [
    {
      what: 'names that nobody answers for',
      streams: 900,
      limit: 'namesPerClient',
      maxDescriptors: 3 * MAX_NAMES_PER_CLIENT,
      destination: (i) => ({ host: `r${i}.slow.test`, port: 80 }),
    },
    {
      what: 'such names, given up at once',
      streams: 1,
      limit: 'opensPerSecond',
      maxDescriptors: 3 * MAX_NAMES_PER_CLIENT,
      destination: (i) => ({ host: `g${i}.slow.test`, port: 80 }),
    },
    {
      what: 'hosts that drop everything, eight addresses each',
      streams: 900,
      limit: 'dialsPerClient',
      maxDescriptors: DIALS_PER_CLIENT,
      destination: () => ({ host: 'hole.test', port: hole.port }),
    },
    {
      what: 'an origin that answers, given up at once',
      streams: 1,
      // They cost a fiftieth, so this is within the rate.
      limit: undefined,
      maxDescriptors: DIALS_PER_CLIENT,
      destination: () => echo,
    },
    {
      what: 'ports that refuse',
      streams: 900,
      limit: 'opensPerSecond',
      maxDescriptors: DIALS_PER_CLIENT,
      destination: () => pair.refusing,
    },
    {
      what: 'what the egress policy refuses',
      streams: 900,
      limit: 'opensPerSecond',
      maxDescriptors: 0,
      destination: (i) => ({ host: `d${i}.good.test`, port: 25 }),
    },
  ];

  it.each(rows)('$what: the opens of another stay below twice the time', async (row) => {
    const { what, streams, limit, maxDescriptors, destination } = row;
    const before = await victim();
    const lines = pair.concentrator.lineCount;
    const descriptors = await descriptorsOf(pair.concentrator.pid);
    const watch = new DescriptorWatch(pair.concentrator.pid);
    const reached = async () =>
      (await pair.metrics('concentrator')).sum('tributary_limits_reached_total', limit ? { limit } : {});
    const reachedBefore = await reached();
    const storm = await OpenStorm.start(pair, ROGUE, { sessions: 4, streams, destination });
    const startedMs = performance.now();
    const cpuBefore = await cpuTimes(pair.concentrator.pid);
    await sleep(WARM_UP_MS);
    let busy = await victim();
    for (let tries = 1; tries < TRIES && busy.p50Ms >= 2 * before.p50Ms; tries++) busy = await victim();
    const cpu = await cpuTimes(pair.concentrator.pid);
    const ranMs = cpu.ranMs - cpuBefore.ranMs;
    const waited = (cpu.waitedMs - cpuBefore.waitedMs) / (performance.now() - startedMs);
    const isAlive = storm.isAlive;
    storm.stop();
    watch.stop();
    const after = await victim();
    // On a machine that has become busy, it is slow without any storm.
    const idleMs = Math.max(before.p50Ms, after.p50Ms);
    const times = (await reached()) - reachedBefore;
    const written = pair.concentrator.lineCount - lines;
    console.log(
      `${what}: ${storm.sent} OPENs; p50 ${text(idleMs)} -> ${text(busy.p50Ms)} ms, ` +
        `p95 ${text(Math.max(before.p95Ms, after.p95Ms))} -> ${text(busy.p95Ms)} ms; descriptors ${descriptors} -> ${watch.most}; ` +
        `${limit ?? 'a limit'} ${times} times; ${written} log lines; ${text((1_000 * ranMs) / storm.sent)} us of a core an OPEN, ` +
        `${(100 * waited).toFixed(0)} % of the time it waited for one`,
    );
    expect({ isAlive, failed: busy.failed }).toEqual({ isAlive: true, failed: 0 });
    if (waited < WAITED_SHARE) expect(busy.p50Ms).toBeLessThan(2 * idleMs);
    else console.log('the machine is too busy to judge times');
    expect(watch.most).toBeLessThan(descriptors + maxDescriptors + OTHER_DESCRIPTORS);
    if (limit !== undefined) expect(times).toBeGreaterThan(0);
    expect(written).toBeLessThan(MAX_LINES);
    expect(pair.concentrator.output).not.toMatch(/slow\.test|hole\.test|good\.test|127\.0\.9\./);
    // What the storm has left goes by itself.
    await expect
      .poll(() => descriptorsOf(pair.concentrator.pid), { timeout: 15_000, interval: 100 })
      .toBeLessThan(descriptors + 16);
  });
});

describe('a concentrator with few descriptors', { timeout: 180_000, ...needs('libc') }, () => {
  const DESCRIPTORS = 512;
  let pair: Pair;
  let echo: Origin;
  beforeAll(async () => {
    echo = await startEcho();
    pair = await Pair.start({ otherClients: [ROGUE], descriptors: DESCRIPTORS });
  });
  afterAll(async () => {
    await pair?.close();
    await echo?.close();
  });

  it('refuses a client that holds most of them, and serves the others', async () => {
    const storm = await OpenStorm.start(pair, ROGUE, { sessions: 4, streams: 900, destination: () => echo });
    const reached = async () =>
      (await pair.metrics('concentrator')).sum('tributary_limits_reached_total', { limit: 'descriptors' });
    await expect.poll(reached, { timeout: 10_000 }).toBeGreaterThan(0);
    const { failed, p50Ms } = await timeOpens(pair, 50, () => echo);
    const held = await descriptorsOf(pair.concentrator.pid);
    storm.stop();
    console.log(
      `${storm.sent} OPENs: ${held} of ${DESCRIPTORS} descriptors; others open in ${text(p50Ms)} ms`,
    );
    expect(failed).toBe(0);
    expect(held).toBeLessThan(DESCRIPTORS * 0.75);
    expect(pair.concentrator.output).not.toContain('EMFILE');
  });
});

function text(ms: number): string {
  return ms.toFixed(1);
}
