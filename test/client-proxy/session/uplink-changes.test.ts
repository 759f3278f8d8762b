import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import type { DialledUplink } from '../../../client-proxy/path-manager/uplink-role.ts';
import { type UplinkUse, UplinkUses } from '../../../client-proxy/path-manager/uplink-use.ts';
import { ClientSession } from '../../../client-proxy/session/client-session.ts';
import { eventually } from '../../support/eventually.ts';
import { Answered } from './answered.ts';
import { sessionOptions } from './session-options.ts';

const bound = (name: string, over: Partial<DialledUplink> = {}): DialledUplink => ({
  name,
  binding: { kind: 'interface', interface: name },
  backup: false,
  ...over,
});

const limit = (bytesPerSecond: number) => ({
  sendBytesPerSecond: bytesPerSecond,
  receiveBytesPerSecond: 0,
  isMetered: true,
});

/** A session whose uplinks have one address each, `addresses[name]`, and come up at once. */
async function bed(...uplinks: DialledUplink[]) {
  const addresses: Record<string, string> = { dsl: '10.0.0.2', lte: '192.168.8.100', sat: '172.16.0.2' };
  const dialled: { uplink: string; transport: Answered }[] = [];
  /** Uplinks that swallow everything from now on, and how often they were tried. */
  const swallowing = new Map<string, number>();
  /** Uplinks that connect and then swallow everything. */
  const deaf = new Set<string>();
  const uses = new UplinkUses(pino({ enabled: false }));
  const session = new ClientSession(
    {
      ...sessionOptions(),
      uplinks,
      useOf: (name) => uses.of(name),
      backoff: { minMs: 10, maxMs: 10 },
      async connect({ name }, _address, signal) {
        const tries = swallowing.get(name);
        if (tries !== undefined) {
          swallowing.set(name, tries + 1);
          await new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason));
          });
        }
        const transport = new Answered(addresses[name]!);
        transport.isDeaf = deaf.has(name);
        dialled.push({ uplink: name, transport });
        return transport;
      },
    },
    { onSubflowUp() {}, onGoingAway() {}, onClosed() {} },
  );
  onTestFinished(() => session.close('goingAway'));
  session.start();
  const open = () =>
    dialled
      .filter(({ transport }) => transport.isOpen)
      .map(({ uplink, transport }) => `${uplink} ${transport.localAddress}`);
  const untilOpen = (...wanted: string[]) => eventually(() => expect(open().sort()).toEqual(wanted.sort()));
  const up = () => session.paths.uplinks.filter(({ isUp }) => isUp).map(({ name }) => name);
  const untilUp = (...names: string[]) => eventually(() => expect(up()).toEqual(names));
  await untilUp(...uplinks.map(({ name }) => name));
  const setUse = (name: string, use: UplinkUse, reason: string) => {
    uses.set(name, use, reason);
    session.paths.onUseChanged(name);
  };
  return { session, addresses, dialled, swallowing, deaf, setUse, untilOpen, untilUp };
}

it('dials an uplink that is new, and closes one that is no longer wanted; the others are left alone', async () => {
  const { session, dialled, untilOpen, untilUp } = await bed(bound('dsl'), bound('lte'));
  session.paths.setUplinks([bound('dsl'), bound('sat')]);
  await untilUp('dsl', 'sat');
  await untilOpen('dsl 10.0.0.2', 'sat 172.16.0.2');
  expect(dialled.map(({ uplink }) => uplink)).toEqual(['dsl', 'lte', 'sat']);
  expect(session.driver?.snapshot().subflows.map(({ uplinkName }) => uplinkName)).toEqual(['dsl', 'sat']);
});

it('lives on when every uplink has been taken out, until there are others', async () => {
  const { session, untilOpen, untilUp } = await bed(bound('dsl'));
  session.paths.setUplinks([]);
  await untilOpen();
  expect([session.isEstablished, session.isReady]).toEqual([true, false]);
  session.paths.setUplinks([bound('lte')]);
  await untilUp('lte');
  expect(session.isReady).toBe(true);
});

it('dials an uplink anew that is bound otherwise, and takes the old subflow out of use', async () => {
  const { session, dialled, untilUp } = await bed(bound('dsl'), bound('lte'));
  session.paths.setUplinks([
    bound('dsl'),
    bound('lte', { binding: { kind: 'interface', interface: 'wwan1' } }),
  ]);
  await eventually(() => expect(dialled).toHaveLength(3));
  await untilUp('dsl', 'lte');
  const retiring = session.driver!.snapshot().subflows.filter(({ duty }) => duty === 'retiring');
  expect(retiring.map(({ uplinkName }) => uplinkName)).toEqual(['lte']);
});

it('only counts anew when nothing but the number of subflows has changed', async () => {
  const { session, dialled } = await bed(bound('dsl'), bound('lte'));
  session.paths.setUplinks([bound('dsl', { subflowsPerPath: 3 }), bound('lte')]);
  await eventually(() => expect(dialled.map(({ uplink }) => uplink)).toEqual(['dsl', 'lte', 'dsl', 'dsl']));
});

it('lets go of a subflow that comes up for an uplink that was taken out meanwhile', async () => {
  const { session, dialled, untilUp } = await bed(bound('dsl'));
  session.paths.setUplinks([bound('dsl'), bound('lte')]);
  await eventually(() => expect(dialled).toHaveLength(2));
  session.paths.setUplinks([bound('dsl')]);
  await untilUp('dsl');
  await new Promise((resolve) => setTimeout(resolve, 100));
  const subflows = session.driver!.snapshot().subflows.filter(({ duty }) => duty !== 'retiring');
  expect(subflows.map(({ uplinkName }) => uplinkName)).toEqual(['dsl']);
});

it('doubts the subflow of an address that is gone, and dials beside it at once', async () => {
  const { session, addresses, dialled, untilOpen } = await bed(bound('dsl'), bound('lte'));
  addresses.lte = '192.168.8.101';
  const lost = { reason: 'its address is gone', kind: 'moved' } as const;
  session.paths.loseUplink({ uplinkName: 'lte', addresses: new Set(['192.168.8.7']), ...lost });
  expect(dialled).toHaveLength(2);
  session.paths.loseUplink({ uplinkName: 'lte', addresses: new Set(['192.168.8.100']), ...lost });
  const doubted = session.driver!.snapshot().subflows.filter(({ state }) => state === 'doubted');
  expect(doubted.map(({ uplinkName }) => uplinkName)).toEqual(['lte']);
  await untilOpen('dsl 10.0.0.2', 'lte 192.168.8.101');
});

it('closes the subflows of an interface that is gone, and dials it again', async () => {
  const { session, dialled, untilOpen, untilUp } = await bed(bound('dsl'), bound('lte'));
  session.paths.loseUplink({ uplinkName: 'lte', reason: 'its interface is gone', kind: 'gone' });
  expect(dialled[1]?.transport.isOpen).toBe(false);
  await untilUp('dsl', 'lte');
  await untilOpen('dsl 10.0.0.2', 'lte 192.168.8.100');
});

it('only doubts, and dials nothing, while a cable is out', async () => {
  const { session, dialled } = await bed(bound('dsl'), bound('lte'));
  session.paths.loseUplink({
    uplinkName: 'lte',
    reason: 'its interface has no carrier',
    kind: 'interrupted',
  });
  expect(session.driver!.snapshot().subflows.map(({ state }) => state)).toEqual(['active', 'doubted']);
  expect(dialled).toHaveLength(2);
});

it('changes the role of an uplink without a new subflow', async () => {
  const { session, setUse, dialled } = await bed(bound('dsl'), bound('lte'));
  const backups = () => session.driver!.snapshot().subflows.map(({ duty }) => duty === 'backup');
  session.paths.setUplinks([bound('dsl'), bound('lte', { backup: true })]);
  expect([backups(), session.paths.uplinks.map(({ state }) => state)]).toEqual([
    [false, true],
    ['in-use', 'backup'],
  ]);
  setUse('dsl', 'backup', 'half of the volume is used');
  expect([backups(), session.paths.uplinks[0]]).toMatchObject([
    [true, true],
    { state: 'backup', reason: 'backup: half of the volume is used' },
  ]);
  setUse('dsl', 'normal', '');
  expect([backups(), dialled.length]).toEqual([[false, true], 2]);
});

it('limits uplinks as they come, change and go, without a new subflow', async () => {
  const { session, dialled, untilUp } = await bed(bound('dsl'), bound('lte', { rateLimit: limit(1e6) }));
  const limits = () =>
    session
      .driver!.snapshot()
      .subflows.map(({ uplinkName, limitBytesPerSecond, isMetered }) => [
        uplinkName,
        limitBytesPerSecond,
        isMetered,
      ]);
  expect(limits()).toEqual([
    ['dsl', undefined, false],
    ['lte', 1e6, true],
  ]);
  session.paths.setUplinks([bound('dsl', { rateLimit: limit(0) }), bound('lte', { rateLimit: limit(2e6) })]);
  expect([limits(), dialled.length]).toEqual([
    [
      ['dsl', undefined, true],
      ['lte', 2e6, true],
    ],
    2,
  ]);
  session.paths.setUplinks([bound('dsl')]);
  session.paths.setUplinks([bound('dsl'), bound('lte')]);
  await untilUp('dsl', 'lte');
  expect(limits()).toEqual([
    ['dsl', undefined, false],
    ['lte', undefined, false],
  ]);
});

it('takes the subflows of an uplink that is stopped away, and dials it again when it is not', async () => {
  const { session, setUse, dialled, untilUp } = await bed(bound('dsl'), bound('lte'));
  setUse('lte', 'stopped', 'the volume is used up');
  expect(session.paths.uplinks[1]).toMatchObject({
    state: 'stopped',
    reason: 'stopped: the volume is used up',
  });
  expect(session.driver!.snapshot().subflows.map(({ duty }) => duty === 'retiring')).toEqual([false, true]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(dialled).toHaveLength(2);
  setUse('lte', 'normal', '');
  await untilUp('dsl', 'lte');
  expect(dialled).toHaveLength(3);
});

it('closes the subflows of an uplink that is stopped though the reason changes meanwhile', async () => {
  const { session, setUse, untilOpen } = await bed(bound('dsl'));
  setUse('dsl', 'stopped', 'the daily volume is used up');
  setUse('dsl', 'stopped', 'the monthly volume is used up');
  await eventually(() => expect(session.driver!.snapshot().subflows).toEqual([]));
  await untilOpen();
});

it('closes the last subflow of all, too, when its uplink is stopped', async () => {
  const { session, setUse, untilOpen } = await bed(bound('dsl'));
  setUse('dsl', 'stopped', 'the volume is used up');
  await eventually(() => expect(session.driver!.snapshot().subflows).toEqual([]));
  await untilOpen();
});

it('dials a last resort at once when the network says that nothing else gets through', async () => {
  const lte = bound('lte', { backup: true, standby: 'break-before-make' });
  const { session, dialled, untilUp } = await bed(bound('dsl'));
  session.paths.setUplinks([bound('dsl'), lte]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect([dialled.length, session.paths.uplinks[1]?.state]).toEqual([1, 'waiting']);
  session.paths.loseUplink({
    uplinkName: 'dsl',
    reason: 'its interface has no carrier',
    kind: 'interrupted',
  });
  await untilUp('dsl', 'lte');
  const byUplink = session.driver!.snapshot().subflows.map(({ uplinkName, duty }) => `${uplinkName} ${duty}`);
  // A fresh one may stand beside that which fell silent, or have taken its place.
  expect([...new Set(byUplink)].sort()).toEqual(['dsl regular', 'lte backup']);
});

it('lets go of a subflow that comes up for an uplink that was taken out meanwhile, though it is the only one', async () => {
  const { session, dialled, untilOpen, untilUp } = await bed(bound('dsl'));
  session.paths.setUplinks([]);
  await untilOpen();
  session.paths.setUplinks([bound('lte')]);
  // Connected, and its JOIN not answered yet.
  while (!dialled[1]?.transport.isGreeted) await Promise.resolve();
  session.paths.setUplinks([]);
  await untilOpen();
  expect(session.driver!.snapshot().subflows).toEqual([]);
  session.paths.setUplinks([bound('sat')]);
  await untilUp('sat');
});

it('closes all subflows of an uplink that is stopped, those too that were to be replaced', async () => {
  const { session, setUse, swallowing, untilOpen } = await bed(bound('dsl'));
  swallowing.set('dsl', 0);
  session.paths.setUplinks([bound('dsl', { binding: { kind: 'interface', interface: 'eth1' } })]);
  await untilOpen('dsl 10.0.0.2');
  setUse('dsl', 'stopped', 'the volume is used up');
  await eventually(() => expect(session.driver!.snapshot().subflows).toEqual([]));
  await untilOpen();
});

it.each(['moved', 'gone'] as const)(
  'dials anew at once what is under way on a network that is %s',
  async (kind) => {
    const { session, swallowing, addresses, untilOpen } = await bed(bound('dsl'));
    swallowing.set('lte', 0);
    session.paths.setUplinks([bound('dsl'), bound('lte')]);
    await eventually(() => expect(swallowing.get('lte')).toBe(1));
    swallowing.delete('lte');
    addresses.lte = '192.168.8.101';
    const lost = kind === 'moved' ? { addresses: new Set(['192.168.8.100']) } : {};
    session.paths.loseUplink({ uplinkName: 'lte', reason: 'its address is gone', kind, ...lost });
    await untilOpen('dsl 10.0.0.2', 'lte 192.168.8.101');
  },
);

it('tries an uplink that takes the place of another before it dials a last resort', async () => {
  const lte = bound('lte', { backup: true, standby: 'break-before-make' });
  const { session, dialled, untilUp } = await bed(bound('dsl'));
  session.paths.setUplinks([bound('dsl'), lte]);
  session.paths.setUplinks([bound('sat'), lte]);
  await untilUp('sat');
  expect(dialled.map(({ uplink }) => uplink)).toEqual(['dsl', 'sat']);
});

it('does not dial an uplink that waits for load because its cap is reached', async () => {
  const { session, setUse, dialled, untilUp } = await bed(bound('dsl'));
  session.paths.setUplinks([bound('dsl'), bound('lte', { joinAboveUtilization: 0.8 })]);
  setUse('lte', 'backup', 'monthly cap reached');
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect([dialled.length, session.paths.uplinks[1]]).toMatchObject([
    1,
    { state: 'waiting', reason: 'backup: monthly cap reached; dialled when no other uplink works' },
  ]);
  session.paths.loseUplink({
    uplinkName: 'dsl',
    reason: 'its interface has no carrier',
    kind: 'interrupted',
  });
  await untilUp('dsl', 'lte');
});

it('dials anew at once what had connected, and waits for its JOIN, over an interface that is gone', async () => {
  const { session, deaf, dialled, untilOpen, untilUp } = await bed(bound('dsl'));
  deaf.add('lte');
  session.paths.setUplinks([bound('dsl'), bound('lte')]);
  await eventually(() => expect(dialled[1]?.transport.isGreeted).toBe(true));
  deaf.delete('lte');
  session.paths.loseUplink({ uplinkName: 'lte', reason: 'its interface is gone', kind: 'gone' });
  await untilUp('dsl', 'lte');
  await untilOpen('dsl 10.0.0.2', 'lte 192.168.8.100');
  expect(dialled).toHaveLength(3);
});
