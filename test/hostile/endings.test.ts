import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Origin, startEcho } from '../end-to-end/support/origin.ts';
import { Pair } from '../end-to-end/support/pair.ts';
import { readBytes, socksConnect } from '../end-to-end/support/socks-client.ts';
import { useCleanups } from '../support/cleanups.ts';
import { needs } from '../support/needs.ts';
import { APPLICATION, DIRECT_PORT, Household, ORIGIN, type Task, until } from './support/household.ts';

/** Connections of each kind. */
const COUNT = 3;
/** Short, so that the test is; all that follows from them is over within REAPED_MS. */
const TIMES = { connections: { keepAlive: '2s', stallTimeout: '3s' } };
/** Two seconds of silence, four probes, a look, and a machine that is busy with other tests. */
const REAPED_MS = 25_000;
/** How long a kernel remembers a connection that was closed at both ways: Linux has 60 s. */
const FIN_TIMEOUT_SECONDS = 2;
const SENT_BYTES = 3_000_000;

type Ending = Omit<Task, 'id' | 'count' | 'host'> & { readonly name: string; readonly host?: string };

const WAITED_FOR = 'an origin that vanishes while bytes wait for it';

/** `port` is the manner of the origin, see origin.mjs. */
const REAPED: readonly Ending[] = [
  {
    name: 'an origin that never reads, after its application has closed',
    port: 3,
    send: 200_000,
    ending: 'close',
  },
  {
    name: 'an origin that never reads, after its application has finished sending',
    port: 3,
    send: 350_000,
    ending: 'half-close',
  },
  {
    name: 'an origin that never closes, after its application has closed both ways',
    port: 2,
    send: 1,
    ending: 'close',
  },
  { name: 'an origin that vanishes', host: ORIGIN.vanishing, port: 1, ending: 'idle' },
  {
    name: WAITED_FOR,
    host: ORIGIN.vanishing,
    port: 2,
    ending: 'idle',
  },
  { name: 'an application that vanishes', from: APPLICATION.vanishing, port: 1, ending: 'idle' },
  {
    name: 'an application that vanishes amid a download',
    from: APPLICATION.vanishing,
    port: 7,
    ending: 'idle',
  },
  {
    name: 'an application that never closes, after its origin has closed both ways',
    port: 5,
    ending: 'idle',
  },
];

/** Served only after all the times above. */
const SERVED: readonly Ending[] = [
  { name: 'a late answer', port: 4, send: 10, ending: 'half-close' },
  { name: 'a late reader', port: 5, ending: 'deaf' },
  { name: 'a slow origin', port: 6, send: SENT_BYTES, ending: 'close' },
];

const LIVING: readonly Ending[] = [
  { name: 'an idle connection', port: 1, ending: 'idle' },
  { name: 'an application that does not read', port: 7, ending: 'deaf' },
];

/** The base of the ports of origins, see household.ts. */
const ROUTES = { 'through the concentrator': 7000, direct: DIRECT_PORT } as const;

describe('endings', needs('network'), () => {
  let household: Household;
  beforeAll(async () => {
    household = await Household.create(TIMES);
    const memory = { 'net.ipv4.tcp_fin_timeout': FIN_TIMEOUT_SECONDS };
    await Promise.all([household.app.sysctl(memory), household.origin.sysctl(memory)]);
  });
  afterAll(() => household.close());

  /** Both routes at the same time, since most of it is waiting. */
  const onEachRoute = (work: (base: number) => Promise<void>) => Promise.all(Object.values(ROUTES).map(work));
  const idOf = (name: string, base: number) => `${base}-${name.replaceAll(' ', '-')}`;
  const begin = async (base: number, { name, host = ORIGIN.staying, ...rest }: Ending) => {
    const task = { ...rest, id: idOf(name, base), count: COUNT, host, port: base + rest.port };
    expect(await household.do(task), task.id).toBe(COUNT);
  };
  const endings = async (id: string) => household.applications.heard(`got ${id} `, COUNT);
  const lost = (program: 'client' | 'concentrator', end: string, reason: string) =>
    household[program].metric('tributary_peers_lost_total', { end, reason });

  it('ends what has lost its other end, and nothing else', { timeout: 180_000 }, async () => {
    await onEachRoute(async (base) => {
      for (const one of [...LIVING, ...SERVED, ...REAPED]) await begin(base, one);
    });
    await Promise.all([household.vanish('app'), household.vanish('origin')]);
    await onEachRoute(async (base) => household.applications.tell({ echo: idOf(WAITED_FOR, base) }));

    // Those that only wait are served to the end.
    await onEachRoute(async (base) => {
      expect(await endings(idOf('a late answer', base))).toEqual(Array(COUNT).fill('4 -'));
      const received = await household.origins.heard(`received ${base + 6} `, COUNT);
      expect(received).toEqual(Array(COUNT).fill(String(SENT_BYTES)));
    });

    // Origins that are lost, or have lost their applications, are closed.
    await onEachRoute(async (base) => {
      const others = [2, 3, 4, 6].map((manner) => ({ host: ORIGIN.staying, port: base + manner }));
      const counts = [
        { host: ORIGIN.staying, port: base + 1, left: COUNT },
        { host: ORIGIN.staying, port: base + 7, left: COUNT },
        ...[...others, { host: ORIGIN.vanishing }].map((one) => ({ ...one, left: 0 })),
      ];
      for (const { left, ...remote } of counts) {
        const what = `${JSON.stringify(remote)}: ${left} left`;
        await until(what, async () => (await household.sockets(remote)) === left, REAPED_MS);
      }
    });
    await onEachRoute(async (base) => {
      household.applications.tell({ read: idOf('a late reader', base) });
      expect(await endings(idOf('a late reader', base))).toEqual(Array(COUNT).fill(`${SENT_BYTES} -`));
      expect(await household.echo(idOf('an idle connection', base))).toBe(COUNT);
    });
    const living = LIVING.length * COUNT;
    const left = [living, living, 2 * living].join();
    const counts = async () => {
      const connections = await household.client.metric('tributary_application_connections');
      return [...(await household.streams()), connections].join();
    };
    await until(
      'no other streams and connections are left',
      async () => (await counts()) === left,
      REAPED_MS,
    );
    expect(await lost('client', 'application', 'gone')).toBeGreaterThanOrEqual(2 * COUNT);
    expect(await lost('client', 'origin', 'stalled')).toBe(2 * COUNT);
    expect(await lost('concentrator', 'origin', 'stalled')).toBe(2 * COUNT);
  });
});

describe('as many connections as the proxy takes', () => {
  const onCleanup = useCleanups();
  const start = async (options: Parameters<typeof Pair.start>[0] = {}): Promise<[Pair, Origin]> => {
    const pair = await Pair.start(options);
    onCleanup(() => pair.close());
    const origin = await startEcho();
    onCleanup(() => origin.close());
    return [pair, origin];
  };
  const ask = async (pair: Pair, origin: Origin) => {
    const { reply, socket } = await socksConnect(pair.socks, origin);
    onCleanup(() => void socket.destroy());
    if (reply !== 0) return { reply, socket };
    socket.write('?');
    expect((await readBytes(socket, 1)).toString()).toBe('?');
    return { reply, socket };
  };

  it('carries 1200 open echoes by default', async () => {
    const [pair, origin] = await start();
    const asked = await Promise.all(Array.from({ length: 1200 }, () => ask(pair, origin)));
    expect(asked.filter(({ reply }) => reply !== 0)).toEqual([]);
    expect((await pair.metrics('concentrator')).sum('tributary_streams')).toBe(1200);
  });

  it('lets a connection wait for a place when the session is full', async () => {
    const [pair, origin] = await start({ concentrator: { limits: { streamsPerSession: 2 } } });
    const [first] = await Promise.all([ask(pair, origin), ask(pair, origin)]);
    const third = ask(pair, origin);
    await pair.client.untilLine('the session is full');
    first.socket.destroy();
    expect((await third).reply).toBe(0);
  });
});
