import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bed, createBed } from '../../bed/bed.ts';
import { compiled } from '../../bed/compile.ts';
import { run } from '../../bed/namespace.ts';
import { measureDatagrams, measureRtt } from '../../bed/probe.ts';
import { needs } from '../../support/needs.ts';

describe('the test bed', needs('bed'), () => {
  let bed: Bed;

  beforeAll(async () => {
    bed = await createBed({
      uplinks: [
        { name: 'wifi', rateMbps: 20, rttMs: 30, queueMs: 100 },
        { name: 'fiber', rateMbps: 200, rttMs: 10, queueMs: 50, lossPercent: 1 },
      ],
      congestionControl: 'bbr',
    });
  });
  afterAll(() => bed?.close());

  test.each(['wifi', 'fiber'])('%s has the rate, round-trip time and queue it was given', async (name) => {
    const uplink = bed.uplink(name);
    const { rateMbps, rttMs, queueMs } = uplink.spec;
    const rtt = await measureRtt(bed, uplink, 40, 10);
    // Wide enough for a machine busy with other tests; the self-check is the exact one.
    expect(rtt.medianMs).toBeGreaterThan(rttMs - 0.3);
    expect(rtt.medianMs).toBeLessThan(rttMs + 2);
    const flood = await measureDatagrams(bed, uplink, 'down', rateMbps * 1.5, 600);
    expect(flood.rateMbps / rateMbps).toBeGreaterThan(0.95);
    expect(flood.rateMbps / rateMbps).toBeLessThan(1.05);
    expect(flood.p90DelayMs).toBeGreaterThan(queueMs);
    expect(flood.p90DelayMs).toBeLessThan(rttMs / 2 + queueMs + 10);
    expect(flood.reordered).toBe(0);
  });

  test('a black hole is silent, and ends', async () => {
    const wifi = bed.uplink('wifi');
    const before = (await wifi.stats()).up.droppedByBlackhole;
    await wifi.blackhole();
    const gone = await ping('wifi');
    expect(gone.received).toBe(0);
    expect((await wifi.stats()).up.droppedByBlackhole - before).toBeGreaterThanOrEqual(gone.sent);
    expect(await bed.client.exec('ip', ['-brief', 'link', 'show', 'wifi'])).toContain('LOWER_UP');
    await wifi.restore();
    expect((await ping('wifi')).received).toBe(5);
  });

  test('a limit of packets swallows larger ones alone, and ends', async () => {
    const wifi = bed.uplink('wifi');
    const dropped = async (payloadBytes: number) => {
      const before = (await wifi.stats()).up.droppedByBlackhole;
      await bed.client.exec(process.execPath, ['-e', SEND, wifi.concentrator.v4, String(payloadBytes)]);
      return (await wifi.stats()).up.droppedByBlackhole - before;
    };
    await wifi.limitPackets(1_000);
    // Headers of IPv4 and UDP take 28 bytes.
    expect([await dropped(973), await dropped(972)]).toEqual([1, 0]);
    await wifi.restore();
    expect(await dropped(1_400)).toBe(0);
  });

  test('another MTU holds until the link is restored', async () => {
    const wifi = bed.uplink('wifi');
    const mtus = () =>
      Promise.all(
        [bed.client, bed.concentrator].map(async (host) => {
          const [device] = JSON.parse(await host.exec('ip', ['-j', 'link', 'show', 'dev', 'wifi']));
          return device.mtu;
        }),
      );
    await wifi.setMtu(1_300);
    expect(await mtus()).toEqual([1_300, 1_300]);
    await wifi.restore();
    expect(await mtus()).toEqual([1_500, 1_500]);
  });

  test('an uplink changes its address while it is up', async () => {
    const wifi = bed.uplink('wifi');
    const old = wifi.client.v4;
    await wifi.changeAddress();
    expect(wifi.client.v4).not.toBe(old);
    expect((await ping('wifi')).received).toBe(5);
  });

  test('the clock to preload moves the wall clock of a program, and no other', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-clock-'));
    const file = await open(join(folder, 'offset'), 'w');
    // Written over: a file that is mapped must not be shorter for a moment.
    const hours = (count: number) => file.write(new BigInt64Array([BigInt(count) * HOUR_NS]), 0, 8, 0);
    await hours(0);
    const clock = { LD_PRELOAD: await compiled('clock.so'), TRIBUTARY_BED_CLOCK: join(folder, 'offset') };
    const env = { ...process.env, ...clock };
    const child = spawn(process.execPath, ['-e', TELL_CLOCKS], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout! });
    const clocks = async () => {
      const line = once(lines, 'line');
      child.stdin!.write('\n');
      const [wallMs, monotonicMs] = String(await line)
        .split(' ')
        .map(Number);
      return { hours: Math.round((wallMs! - Date.now()) / 3_600_000), monotonicMs: monotonicMs! };
    };
    const before = await clocks();
    expect(before.hours).toBeCloseTo(0);
    await hours(-50);
    expect((await clocks()).hours).toBe(-50);
    await hours(7);
    const after = await clocks();
    expect(after.hours).toBe(7);
    expect(after.monotonicMs - before.monotonicMs).toBeLessThan(60_000);
    child.stdin!.end();
    await once(child, 'exit');
    await file.close();
    await rm(folder, { recursive: true });
  });

  test('a pause holds packets and loses none', async () => {
    const wifi = bed.uplink('wifi');
    const before = (await wifi.stats()).up.packetsIn;
    const measured = measureRtt(bed, wifi, 60, 20);
    await until(async () => (await wifi.stats()).up.packetsIn > before);
    await wifi.pause(300);
    const rtt = await measured;
    expect(rtt.received).toBe(60);
    expect(rtt.maxMs).toBeGreaterThan(290);
  });

  test('a collapsed link is slow and far, and comes back', async () => {
    const wifi = bed.uplink('wifi');
    await wifi.collapse({ rateMbps: 1, rttMs: 200 });
    const far = await ping('wifi');
    expect(far.minMs).toBeGreaterThan(199);
    expect((await measureDatagrams(bed, wifi, 'up', 2, 500)).rateMbps).toBeLessThan(1.1);
    await wifi.restore();
    expect((await ping('wifi')).medianMs).toBeLessThan(40);
  });

  test('an interface goes down, and comes up with another address', async () => {
    const wifi = bed.uplink('wifi');
    const old = wifi.client;
    await wifi.down();
    expect(await bed.client.exec('ip', ['route'])).not.toContain('dev wifi');
    await wifi.changeAddress();
    await wifi.up();
    expect(wifi.client.v4).not.toBe(old.v4);
    expect(await bed.client.exec('ip', ['-brief', 'address', 'show', 'wifi'])).not.toContain(old.v4);
    expect((await ping('wifi')).received).toBe(5);
  });

  test.each(['v4', 'v6'] as const)(
    'TCP arrives whole over a lossy link, through to the origin, over IP%s',
    async (family) => {
      const server = bed.origin.spawn(process.execPath, ['-e', SERVE_BYTES, bed.origin.address[family]], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await firstLine(server);
      const client = [bed.origin.address[family], bed.uplink('fiber').client[family]];
      const [sent, received] = (await bed.client.exec(process.execPath, ['-e', FETCH_HASH, ...client])).split(
        ' ',
      );
      expect(received).toBe(sent);
      const { down } = await bed.uplink('fiber').stats();
      expect(down.droppedByLoss).toBeGreaterThan(0);
      server.kill('SIGKILL');
    },
  );

  test('the hosts use the congestion control asked for', async () => {
    const other = await createBed({
      uplinks: [{ name: 'wifi', rateMbps: 100, rttMs: 10, queueMs: 50 }],
      congestionControl: 'cubic',
    });
    try {
      const server = other.concentrator.spawn(process.execPath, ['-e', SERVE_BYTES, '::'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await firstLine(server);
      const { v4 } = other.concentrator.address;
      const fetching = other.client.exec(process.execPath, [
        '-e',
        FETCH_HASH,
        v4,
        other.uplink('wifi').client.v4,
      ]);
      await firstLine(server);
      expect(await other.concentrator.exec('ss', ['-tinH', 'state', 'established'])).toContain('cubic');
      await fetching;
    } finally {
      await other.close();
    }
  });

  test('closing leaves no namespace and no process', async () => {
    const other = await createBed({ uplinks: [{ name: 'lte', rateMbps: 10, rttMs: 20, queueMs: 50 }] });
    const emulator = Number(other.client.name.split('-')[1]);
    const child = other.client.spawn('sleep', ['60'], { stdio: 'ignore' });
    const daemon = Number(
      await other.origin.exec('sh', ['-c', 'setsid sleep 60 >/dev/null 2>&1 </dev/null & echo $!']),
    );
    expect(namespaces(emulator)).toHaveLength(3);
    await other.close();
    expect(namespaces(emulator)).toHaveLength(0);
    await until(() => [emulator, child.pid, daemon].every(ended));
    await other.close();
  });

  test('the death of the owner removes the bed', async () => {
    const owner = spawn(process.execPath, ['-e', OWN_EMULATOR, await compiled('emulator')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const emulator = Number(await firstLine(owner));
    expect(namespaces(emulator)).toHaveLength(1);
    owner.kill('SIGKILL');
    await until(() => namespaces(emulator).length === 0 && ended(emulator));
  });

  test('leftovers of a dead emulator are removed by the next one', async () => {
    const dead = spawn('true', { stdio: 'ignore' });
    await once(dead, 'exit');
    await run('ip', ['netns', 'add', `tbed-${dead.pid}-client`]);
    const other = await createBed({ uplinks: [] });
    await other.close();
    expect(namespaces(dead.pid ?? 0)).toHaveLength(0);
  });

  test('kernel MPTCP gets an endpoint for each uplink', needs('bed', 'mptcp'), async () => {
    await bed.enableKernelMptcp();
    const endpoints = await bed.client.exec('ip', ['mptcp', 'endpoint', 'show']);
    for (const { client } of bed.uplinks) expect(endpoints).toContain(client.v4);
  });

  test('an uplink needs a name that an interface can have', async () => {
    const link = { rateMbps: 1, rttMs: 1, queueMs: 100 };
    await expect(createBed({ uplinks: [{ ...link, name: 'a b' }] })).rejects.toThrow('"a b"');
    await expect(createBed({ uplinks: [link, link].map((one) => ({ ...one, name: 'x' })) })).rejects.toThrow(
      'two',
    );
  });

  function ping(name: string) {
    return measureRtt(bed, bed.uplink(name), 5, 20);
  }
});

/** Sends a datagram of so many bytes to the address given. */
const SEND = `
  const [host, bytes] = process.argv.slice(1), socket = require('dgram').createSocket('udp4');
  socket.send(Buffer.alloc(Number(bytes)), 9, host, () => socket.close());`;

const HOUR_NS = 3_600_000_000_000n;

/** Says its wall clock and its monotonic one for each line of stdin. */
const TELL_CLOCKS = `
  process.stdin.on('data', () => console.log(Date.now(), performance.now()));`;

const BYTES = 6_000_000;

/** Serves random bytes on the address given and their hash; says "ready", and "asked" at each connection. */
const SERVE_BYTES = `
  const body = require('crypto').randomBytes(${BYTES});
  const hash = require('crypto').createHash('sha256').update(body).digest('hex');
  require('net').createServer((socket) => { console.log('asked'); socket.end(Buffer.concat([Buffer.from(hash), body])); })
    .listen(7002, process.argv[1], () => console.log('ready'));`;

/** Fetches them from the first address, bound to the second; says both hashes. */
const FETCH_HASH = `
  const [host, localAddress] = process.argv.slice(1), parts = [];
  require('net').connect({ host, port: 7002, localAddress }).on('data', (part) => parts.push(part)).on('end', () => {
    const all = Buffer.concat(parts);
    process.stdout.write(all.subarray(0, 64) + ' ' + require('crypto').createHash('sha256').update(all.subarray(64)).digest('hex'));
  });`;

/** Starts an emulator, makes a namespace in its name, says its pid, and waits to be killed. */
const OWN_EMULATOR = `
  const { spawn, execFileSync } = require('child_process');
  const child = spawn(process.argv[1], ['1'], { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdout.once('data', () => {
    execFileSync('ip', ['netns', 'add', 'tbed-' + child.pid + '-client']);
    console.log(child.pid);
  });`;

function namespaces(emulator: number): string[] {
  if (!existsSync('/run/netns')) return [];
  return readdirSync('/run/netns').filter((name) => name.startsWith(`tbed-${emulator}-`));
}

/** Gone, or a zombie that its new parent has yet to notice. */
function ended(pid: number | undefined): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return true;
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('no stdout');
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return String(line);
}

/** For what nothing announces: looks again until it is so, for 5 s at most. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 5000;
  while (!(await condition())) {
    if (Date.now() > limit) throw new Error('not so after 5 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
