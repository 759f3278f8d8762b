import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startEcho } from './support/origin.ts';
import { Pair } from './support/pair.ts';
import { readBytes, socksConnect } from './support/socks-client.ts';

const PAYLOAD_BYTES = 200_000;
/** The client looks at each full minute, a second from these times; its clock stands still, so that is each second. */
const AFTERNOON = '2026-03-02T17:59:59.000Z';
const EVENING = '2026-03-02T18:00:59.000Z';
const NIGHT = '2026-03-02T23:00:59.000Z';
const LEFT_FIRST = { mode: 'priority', order: ['left', 'right'] };
const [left, right] = ['left', 'right'].map((name, i) => ({ name, address: `127.0.0.${2 + i}` }));

/** Stands still at what the file says. */
const CLOCK = `
const { readFileSync } = require('node:fs');
const now = () => Date.parse(readFileSync(process.env.TEST_CLOCK, 'utf8'));
globalThis.Date = class extends Date {
  constructor(...args) {
    super(...(args.length === 0 ? [now()] : args));
  }
  static now() {
    return now();
  }
};
`;

interface Case {
  readonly what: string;
  readonly client: Readonly<Record<string, unknown>>;
  /** Why the left uplink is a backup in the evening, if it is. */
  readonly reason?: string;
}

const CASES: readonly Case[] = [
  {
    what: 'a backup in the evening',
    client: {
      uplinks: [{ ...left, backup: { between: 'mon-fri 18:00-23:00' } }, right],
      steering: { default: LEFT_FIRST },
    },
    reason: 'backup: between mon-fri 18:00-23:00',
  },
  {
    what: 'a backup while it is dear',
    client: {
      uplinks: [
        {
          ...left,
          costPerGB: [{ between: '18:00-23:00', cost: 8 }, { cost: 1 }],
          backup: { aboveCost: 5 },
        },
        right,
      ],
      steering: { default: LEFT_FIRST },
    },
    reason: 'backup: it costs 8 per GB, which is above 5',
  },
  {
    what: 'second while another is cheaper',
    client: {
      uplinks: [
        { ...left, costPerGB: [{ between: '18:00-23:00 UTC', cost: 8 }, { cost: 1 }] },
        { ...right, costPerGB: 2 },
      ],
      steering: { default: { mode: 'priority', order: 'cost' } },
    },
  },
  {
    what: 'second by a rule for the evening',
    client: {
      uplinks: [left, right],
      steering: {
        default: LEFT_FIRST,
        rules: [{ between: '19:00-00:00 Europe/Berlin', mode: 'priority', order: ['right', 'left'] }],
      },
    },
  },
];

describe.each(CASES)('an uplink that is $what by the clock', ({ client, reason }) => {
  let folder: string;
  let pair: Pair;
  let origin: Awaited<ReturnType<typeof startEcho>>;
  let early: Socket;
  // Not written in place: a clock that is read in between would be none.
  const setClock = async (time: string) => {
    await writeFile(join(folder, 'next'), time);
    await rename(join(folder, 'next'), join(folder, 'time'));
  };
  const bytesOf = async (uplink: string) =>
    (await pair.metrics('client')).sum('tributary_uplink_bytes_total', { uplink });
  const statusOfLeft = async () =>
    JSON.parse((await pair.get('client', '/status')).text).uplinks.find(
      ({ name }: { name: string }) => name === 'left',
    );

  /** Which uplink carries what a connection says. */
  const carrierOf = async (socket: Socket) => {
    const before = { left: await bytesOf('left'), right: await bytesOf('right') };
    socket.write(Buffer.alloc(PAYLOAD_BYTES));
    await readBytes(socket, PAYLOAD_BYTES);
    const moved = {
      left: (await bytesOf('left')) - before.left,
      right: (await bytesOf('right')) - before.right,
    };
    return moved.left > moved.right ? 'left' : 'right';
  };
  const carrierOfNew = async () => {
    const { socket } = await socksConnect(pair.socks, origin);
    const carrier = await carrierOf(socket);
    socket.destroy();
    return carrier;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tributary-clock-'));
    const preload = join(folder, 'clock.cjs');
    await writeFile(preload, CLOCK);
    await setClock(AFTERNOON);
    const environment = ['TZ=UTC', `TEST_CLOCK=${join(folder, 'time')}`, `NODE_OPTIONS=--require ${preload}`];
    pair = await Pair.start({ client, under: { client: ['env', ...environment] } });
    await pair.client.untilLine('"subflow up"', { count: 2 });
    origin = await startEcho();
    ({ socket: early } = await socksConnect(pair.socks, origin));
  });
  afterAll(async () => {
    early.destroy();
    await origin.close();
    await pair.close();
    await rm(folder, { recursive: true });
  });

  it('is so from one minute to the other, and no longer, for open connections, too', async () => {
    expect([await carrierOf(early), await carrierOfNew()]).toEqual(['left', 'left']);
    expect((await statusOfLeft()).state).toBe('in-use');
    await setClock(EVENING);
    await vi.waitFor(async () => expect(await carrierOfNew()).toBe('right'), {
      timeout: 20_000,
      interval: 100,
    });
    expect(await carrierOf(early)).toBe('right');
    const expected = reason === undefined ? { state: 'in-use' } : { state: 'backup', reason };
    expect(await statusOfLeft()).toMatchObject(expected);
    await setClock(NIGHT);
    await vi.waitFor(async () => expect(await carrierOfNew()).toBe('left'), {
      timeout: 20_000,
      interval: 100,
    });
    expect(await carrierOf(early)).toBe('left');
    expect((await statusOfLeft()).state).toBe('in-use');
  });
});
