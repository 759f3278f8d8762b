/*
 * A client with two concentrators, one near and one far (support/two-concentrators.ts): which one new connections go to, and what becomes
 * of them when it dies.
 */
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatDestination } from '../../shared/protocol/destination.ts';
import { formatClientKey } from '../../shared/runtime/identity/client-key.ts';
import { parseLink } from '../../shared/runtime/identity/link.ts';
import { needs } from '../support/needs.ts';
import { report } from './support/system.ts';
import { clientText, type Place, TwoConcentrators } from './support/two-concentrators.ts';

/** What is promised. */
const FAILOVER_MS = 2_000;
/** What a machine adds that does other things, too. */
const SLACK_MS = 1_000;

describe('several concentrators', { timeout: 90_000, ...needs('network') }, () => {
  let it: TwoConcentrators;
  const named = (place: Place) => {
    const { addresses, pins, clientId, clientKey } = parseLink(it.links.get(place)!);
    return {
      name: place,
      addresses: addresses.map(formatDestination),
      pin: pins[0]!.text,
      id: clientId,
      key: formatClientKey(clientKey),
    };
  };
  const configure = (places: readonly Place[], more: object = {}) =>
    writeFile(it.clientFile, clientText(places.map(named), more), { mode: 0o600 });
  const start = async (more: object = {}) => {
    await configure(['far', 'near'], more);
    await it.startClient();
    await it.untilStatus((all) => all.get('near')!.chosen && all.get('far')!.state === 'established');
  };

  beforeAll(async () => {
    it = await TwoConcentrators.create();
    for (const place of ['near', 'far'] as const) await it.startConcentrator(place);
  });
  afterAll(() => it?.close());

  test('the nearest is chosen, a rule has the other one, and a reload takes one out and brings it back', async () => {
    await start({
      steering: {
        rules: [
          { host: 'far.test', concentrator: 'far' },
          { port: 1, concentrator: { only: 'far' } },
        ],
      },
    });
    expect(await it.peer()).toBe('near');
  });

  test('it is killed', async () => {
    await start();
    await it.kill('near');
    const startMs = performance.now();
    expect(await it.peer()).toBe('far');
    report(`killed: ${Math.round(performance.now() - startMs)} ms`);
    await it.startConcentrator('near');
  });

  test('it falls silent', async () => {
    await start();
    await it.silence('near');
    const startMs = performance.now();
    expect(await it.peer()).toBe('far');
    const ms = performance.now() - startMs;
    report(`silent: ${Math.round(ms)} ms`);
    expect(ms).toBeLessThan(FAILOVER_MS + SLACK_MS);
    await it.restore('near');
    report(`back after ${Math.round(await it.untilStatus((all) => all.get('near')!.chosen, 40_000))} ms`);
  });
});
