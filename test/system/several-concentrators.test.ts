/*
 * A client with two concentrators, one near and one far (support/two-concentrators.ts): which of them takes a connection, and what happens
 * when one of them dies.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../support/needs.ts';
import { report } from './support/system.ts';
import { type Place, PORTS, TwoConcentrators } from './support/two-concentrators.ts';

/** What is promised. */
const FAILOVER_MS = 2_000;
/** What a machine adds that does other things, too. */
const SLACK_MS = 1_500;
/** A better one has to be so for this long. */
const HOLD_MS = 10_000;
const LINGER_MS = 2_000;
const RULES = [
  { port: PORTS.far, concentrator: 'far' },
  { port: PORTS.onlyFar, concentrator: { only: 'far' } },
];

describe('several concentrators', { timeout: 90_000, ...needs('network') }, () => {
  let it: TwoConcentrators;

  beforeAll(async () => {
    it = await TwoConcentrators.create();
    for (const place of ['near', 'far'] as const) await it.startConcentrator(place);
    await it.join('near');
    await it.amend({ linger: `${LINGER_MS}ms` });
    await it.startClient();
  });
  afterAll(() => it?.close());

  const session = async (place: Place) =>
    (await it.status()).find(({ name }) => name === place)?.since?.slice(0, 18);
  const untilBoth = () =>
    it.untilStatus((all) => ['near', 'far'].every((place) => all.get(place)?.state === 'established'));

  test('a second join adds one to a client that runs, which goes to the nearest, or where a rule says', async () => {
    expect(await it.peer()).toBe('near');
    await it.join('far');
    await it.amend({ steering: { rules: RULES } });
    await it.reload();
    await untilBoth();
    const found = await Promise.all([it.peer(), it.peer(PORTS.far), it.peer(PORTS.onlyFar)]);
    expect(found).toEqual(['near', 'far', 'far']);
    expect(await it.client!.metric('tributary_concentrator_chosen', { concentrator: 'near' })).toBe(1);
    // The far one carries a stream now and has all uplinks, the near one had them all the time.
    const [near, far] = await it.status();
    expect([near!.standing, far!.standing]).toEqual([false, false]);
    expect(far!.roundTripMs! - near!.roundTripMs!).toBeGreaterThan(30);
  });

  /** What is open and what is new while the nearest one is not there. @returns how long a new connection takes to be served */
  const withoutNear = async (kill: () => Promise<void>) => {
    await it.untilStatus((all) => all.get('near')?.chosen === true, 40_000);
    const farSince = await session('far');
    const others = it.download(PORTS.far, 1_600_000, 400_000);
    const lost = it.download(PORTS.any, 40_000_000, 400_000);
    await sleep(500);
    await kill();
    const startMs = performance.now();
    expect(await it.peer()).toBe('far');
    const tookMs = performance.now() - startMs;
    expect(await it.peer()).toBe('far');
    // Streams of the dead one end: no later than `linger` allows after it is given up as silent.
    expect((await lost).exitCode).not.toBe(0);
    const endMs = performance.now() - startMs;
    expect(endMs).toBeLessThan(LINGER_MS + 15_000);
    expect(await others).toMatchObject({ exitCode: 0, bytes: 1_600_000 });
    expect(await session('far')).toBe(farSince);
    expect(tookMs).toBeLessThan(FAILOVER_MS + SLACK_MS);
    return `served after ${Math.round(tookMs)} ms, what was open ended after ${Math.round(endMs)} ms`;
  };

  test('the nearest falls silent: the other takes over, and what that carries goes on', async () => {
    report(`the nearest falls silent: ${await withoutNear(() => it.silence('near'))}`);
    await it.restore('near');
  });

  test('the nearest is killed: the same, and it is returned to once it has been back for a while', async () => {
    const text = await withoutNear(() => it.kill('near'));
    await it.startConcentrator('near');
    const back = performance.now();
    await it.untilStatus((all) => all.get('near')!.chosen, 60_000);
    const backMs = performance.now() - back;
    report(`the nearest is killed: ${text}; it is chosen again ${Math.round(backMs)} ms after it is up`);
    expect(backMs).toBeGreaterThan(HOLD_MS - SLACK_MS);
  });

  test('a rule falls back to another one, unless it allows no other', async () => {
    await it.kill('far');
    await it.untilStatus((all) => all.get('far')?.state !== 'established');
    expect(await it.peer(PORTS.far)).toBe('near');
    expect(await it.peer(PORTS.onlyFar, 1)).toMatch(/28\n$/);
    await it.startConcentrator('far');
    await untilBoth();
    expect(await it.peer(PORTS.onlyFar)).toBe('far');
  });

  test('a reload takes one out, whose connections go on, and leaves the sessions of the other alone', async () => {
    const nearSince = await session('near');
    const open = it.download(PORTS.far, 1_500_000, 400_000);
    await sleep(500);
    await it.amend({ steering: {} });
    await it.leave('far');
    await it.reload();
    expect((await it.status()).map(({ name }) => name)).toEqual(['near']);
    expect(await it.peer(PORTS.far)).toBe('near');
    expect(await open).toMatchObject({ exitCode: 0, bytes: 1_500_000 });
    expect(await session('near')).toBe(nearSince);
  });
});
