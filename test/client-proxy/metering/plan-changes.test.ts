import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { configuredPlans } from '../../../client-proxy/discovery/configured-plans.ts';
import { UplinkSet } from '../../../client-proxy/discovery/uplink-set.ts';
import { addUsage } from '../../../client-proxy/metering/add-usage.ts';
import { Metering } from '../../../client-proxy/metering/metering.ts';
import { readUsageFile, USAGE_FILE_NAME } from '../../../client-proxy/metering/usage-file.ts';
import { createLogger } from '../../../shared/runtime/observe/logger.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { eventually } from '../../support/eventually.ts';
import { load, withUplinks } from '../config/client-config-text.ts';
import { device, view } from '../network/views.ts';

const MB = 1_000_000;
const NOW = Date.parse('2026-11-23T12:00Z');
const CAP = 'metered: { monthly: 20MB, timeZone: UTC, atCap: stop }';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A client with a modem, as far as it counts: its uplinks are what `uplinks` of a configuration makes of them. */
async function client(uplinks: string, file?: string) {
  const at = file ?? join(await temporaryDirectory(), USAGE_FILE_NAME);
  const received = new Map<string, number>();
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line)) };
  const logger = createLogger({ level: 'warn', format: 'json', isTty: false, destination });
  const clock = { nowMs: NOW };
  const wallClock = () => clock.nowMs;
  const set = new UplinkSet({ bindsByInterface: true, maxUplinks: 16, wallClock, logger });
  const metering = await Metering.open({
    file: at,
    wires: {
      source: 'kernel',
      of: (name) => ({ read: () => ({ sentBytes: 0, receivedBytes: received.get(name) ?? 0 }) }),
    },
    wallClock,
    logger,
    plans: () => set.plans,
    setUse: () => {},
  });
  set.follow(metering);
  const configure = async (text: string) => set.configure(await load(withUplinks(text)));
  const carry = (name: string, megabytes: number) => {
    received.set(name, (received.get(name) ?? 0) + megabytes * MB);
    vi.advanceTimersByTime(250);
  };
  const used = () =>
    Object.fromEntries(metering.meters.map(({ name, usage }) => [name, usage.month.receivedBytes / MB]));
  await configure(uplinks);
  set.onNetwork(view(device('wwan0')));
  const plugIn = (name: string) => set.onNetwork(view(device('wwan0'), device(name, { index: 3 })));
  /** Once it has written down what it has counted. */
  const saved = () => {
    clock.nowMs += 5_000;
    vi.advanceTimersByTime(250);
    return eventually(async () => expect(await readUsageFile(at)).toMatchObject({ kind: 'read' }));
  };
  return { metering, file: at, configure, carry, plugIn, saved, used, lines };
}

it('is begun by the client with all that was kept for what a pattern matches, also where a command counted before', async () => {
  const first = await client(
    `[{ name: wwan0, interface: wwan0, ${CAP} }, { name: wwan1, interface: wwan1, ${CAP} }]`,
  );
  first.carry('wwan0', 2);
  first.carry('wwan1', 12);
  await first.metering.close();
  const uplinks = `{ settings: [{ match: "wwan*", ${CAP} }] }`;
  const plans = configuredPlans(await load(withUplinks(uplinks)));
  const carried = {
    ...{ plan: { name: 'wwan*', settings: plans.get('wwan*')!.settings }, uplinkName: 'wwan0', plans },
    bytes: { sentBytes: 0, receivedBytes: 1 * MB },
  };
  // 15 of 20 MB are near the cap, of which this uplink has used 3.
  expect(await addUsage(first.file, carried, () => NOW)).toMatchObject([
    { kind: 'month', usedBytes: 15 * MB },
  ]);
  const next = await client(uplinks, first.file);
  expect(next.used()).toEqual({ 'wwan*': 15 });
  await next.metering.close();
  // From now on the pattern is a plan of its own.
  await addUsage(first.file, carried, () => NOW);
  const kept = await readUsageFile(first.file);
  expect(
    kept.kind === 'read' && [...kept.usage].map(([name, { month }]) => [name, month.receivedBytes]),
  ).toEqual([['wwan*', 16 * MB]]);
});

describe.each(['reload', 'restart'])('what was counted before a %s', (how) => {
  /** 15 MB are carried by `before`; what is counted by plan after 1 MB more, and what the log warns of. */
  async function change(from: { readonly uplinks: string; readonly carrier: string }, to: typeof from) {
    const first = await client(from.uplinks);
    first.carry(from.carrier, 15);
    if (how === 'restart') await first.metering.close();
    else await first.configure(to.uplinks);
    const { metering, carry, used, lines } = how === 'restart' ? await client(to.uplinks, first.file) : first;
    carry(to.carrier, 1);
    const counted = used();
    await metering.close();
    const strays = lines.filter(({ kept }) => kept !== undefined);
    return { counted, strays: strays.map(({ kept, used: amount, remedy }) => [kept, amount, remedy]) };
  }
  const wwan0 = (uplinks: string) => ({ uplinks, carrier: 'wwan0' });
  const pattern = wwan0(`{ settings: [{ match: "wwan*", ${CAP} }] }`);
  const lte = { uplinks: `[{ name: lte, interface: wwan0, ${CAP} }]`, carrier: 'lte' };

  it('goes on where an entry gets the name of a plan', async () => {
    const named = wwan0(`{ settings: [{ match: "wwan*", plan: alpha, ${CAP} }] }`);
    expect(await change(pattern, named)).toEqual({ counted: { alpha: 16 }, strays: [] });
    const listed = { uplinks: `[{ name: lte, interface: wwan0, plan: alpha, ${CAP} }]`, carrier: 'lte' };
    expect(await change(lte, listed)).toEqual({ counted: { alpha: 16 }, strays: [] });
  });

  it.each([
    ['another name', lte, { uplinks: lte.uplinks.replace('lte', 'mobile'), carrier: 'mobile' }, 'lte'],
    ['a place in the list', pattern, lte, 'wwan*'],
    ['another entry', pattern, wwan0(pattern.uplinks.replace('wwan*', 'wwan0')), 'wwan*'],
  ])('goes on where an uplink gets %s, or is told of', async (_, from, to, before) => {
    const { counted, strays } = await change(from, to);
    const [after] = Object.keys(counted);
    expect(counted).toEqual({ [after!]: how === 'reload' ? 16 : 1 });
    const remedy =
      before === 'lte' ? 'say "plan: lte" where it goes on' : 'write that entry of uplinks.settings again';
    expect(strays).toEqual(how === 'reload' ? [] : [[before, '15 MB', remedy]]);
  });

  it('goes to a pattern that is new, be it of a named plan that goes in the same edit', async () => {
    const prepaid = wwan0(`{ settings: [{ match: wwan0, plan: wwan-prepaid, ${CAP} }] }`);
    expect(await change(prepaid, pattern)).toEqual({ counted: { 'wwan*': 16 }, strays: [] });
  });

  it('stays with a named plan that goes once the pattern has begun beside it', async () => {
    const both = `{ settings: [{ match: wwan0, plan: wwan-prepaid, ${CAP} }, { match: "wwan*", ${CAP} }] }`;
    const first = await client(both);
    first.carry('wwan0', 15);
    if (how === 'restart') await first.metering.close();
    else await first.saved();
    const next = how === 'restart' ? await client(pattern.uplinks, first.file) : first;
    if (how === 'reload') await next.configure(pattern.uplinks);
    next.carry('wwan0', 1);
    expect(next.used()).toEqual({ 'wwan*': 1 });
    await next.metering.close();
  });

  it('stays with a named plan, and is told of where there is another one in its place', async () => {
    const of = (plan: string) =>
      `{ settings: [{ match: wwan0, plan: ${plan}, ${CAP} }, { match: "wwan*", ${CAP} }] }`;
    const first = await client(of('wwan-prepaid'));
    first.carry('wwan0', 15);
    if (how === 'restart') await first.metering.close();
    else await first.saved();
    const next = how === 'restart' ? await client(of('wwan-new'), first.file) : first;
    if (how === 'reload') await next.configure(of('wwan-new'));
    next.carry('wwan0', 1);
    // Only now there is an uplink that no contract is known of.
    next.plugIn('wwan1');
    next.carry('wwan1', 2);
    expect(next.used()).toEqual({ 'wwan-new': 1, 'wwan*': 2 });
    await next.metering.close();
    expect(next.lines.at(-1)).toMatchObject({ kept: 'wwan-prepaid', used: '15 MB' });
  });
});

it('goes whole to the first uplink of a plan that a reload splits', async () => {
  const { configure, plugIn, carry, used, metering } = await client(
    `{ settings: [{ match: "wwan*", ${CAP} }] }`,
  );
  plugIn('wwan1');
  carry('wwan0', 2);
  carry('wwan1', 13);
  const each = (name: string) => `{ match: ${name}, plan: ${name}-plan, ${CAP} }`;
  await configure(`{ settings: [${each('wwan0')}, ${each('wwan1')}] }`);
  expect(used()).toEqual({ 'wwan0-plan': 15, 'wwan1-plan': 0 });
  await metering.close();
});
