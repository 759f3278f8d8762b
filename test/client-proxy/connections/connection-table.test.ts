import { describe, expect, it } from 'vitest';
import {
  type ConnectionQuery,
  ConnectionTable,
  MAX_ROWS,
} from '../../../client-proxy/connections/connection-table.ts';
import type { OpenConnection } from '../../../client-proxy/connections/open-connection.ts';

type Bytes = { uplinkName: string; sentBytes: number; receivedBytes: number };
type Given = Partial<OpenConnection> & { readonly host?: string; readonly bytes?: readonly Bytes[] };

const QUERY: ConnectionQuery = { order: 'rate', isReversed: false, filter: '', limit: 100 };

function bench() {
  const time = { ms: 10_000 };
  const open: OpenConnection[] = [];
  const closed: string[] = [];
  const table = new ConnectionTable(
    () => [...open],
    () => time.ms,
  );
  const add = ({ host = 'www.example.org', bytes = [], ...given }: Given) => {
    const connection: OpenConnection = {
      ...{ key: {}, protocol: 'tcp', destination: { host, port: 443 }, from: '127.0.0.1' },
      ...{ sinceMs: 0, way: { kind: 'steer', policy: { mode: 'aggregate' } }, rule: undefined },
      ...{ carried: bytes, close: () => void closed.push(host) },
      ...given,
    };
    open.push(connection);
    return connection;
  };
  const report = (query: Partial<ConnectionQuery> = {}) => table.report({ ...QUERY, ...query });
  const hosts = (query: Partial<ConnectionQuery> = {}) => report(query).rows.map(({ host }) => host);
  return { table, time, open, closed, add, report, hosts };
}

const carried = (uplinkName: string, receivedBytes: number, sentBytes = 0): Bytes => ({
  ...{ uplinkName, sentBytes, receivedBytes },
});

describe('the list of connections', () => {
  it('says which of several concentrators carries each, and finds them by it', () => {
    const { add, report, hosts } = bench();
    add({ host: 'near.test', concentrator: 'Frankfurt' });
    add({ host: 'far.test', concentrator: 'paris' });
    add({ host: 'waits.test' });
    expect(report().rows.map(({ concentrator }) => concentrator)).toEqual(['Frankfurt', 'paris', null]);
    expect(hosts({ filter: 'frank' })).toEqual(['near.test']);
  });

  it('has the rates of each uplink since the last look, and what has begun since', () => {
    const { time, add, report } = bench();
    const dsl = carried('dsl', 1_000_000, 500);
    const lte = carried('lte', 0);
    add({ host: 'old.test', bytes: [dsl, lte] });
    expect(report().rows[0]!.uplinks).toEqual([
      { uplink: 'dsl', sentBytes: 500, receivedBytes: 1_000_000, up: 0, down: 0 },
      { uplink: 'lte', sentBytes: 0, receivedBytes: 0, up: 0, down: 0 },
    ]);
    time.ms += 2_000;
    dsl.receivedBytes += 250_000;
    lte.sentBytes += 1_000;
    add({ host: 'new.test', bytes: [carried('lte', 500_000)] });
    const [first, second] = report().rows;
    expect(first).toMatchObject({ host: 'new.test', uplinks: [{ uplink: 'lte', down: 2_000_000, up: 0 }] });
    expect(second!.uplinks).toMatchObject([
      { uplink: 'dsl', down: 1_000_000, up: 0 },
      { uplink: 'lte', down: 0, up: 4_000 },
    ]);
    // Another page that looks in between sees the same.
    time.ms += 100;
    dsl.receivedBytes += 10_000_000;
    expect(report().rows[1]!.uplinks[0]).toMatchObject({ down: 1_000_000, receivedBytes: 1_250_000 });
    // After a pause rates would be those of the pause.
    time.ms += 60_000;
    expect(report().rows.flatMap(({ uplinks }) => uplinks.map(({ down }) => down))).toEqual([0, 0, 0]);
  });

  it.each<readonly [Partial<ConnectionQuery>, readonly string[]]>([
    [{ order: 'bytes' }, ['c.test', 'a.test', 'b.test']],
    [{ order: 'bytes', isReversed: true }, ['b.test', 'a.test', 'c.test']],
    [{ order: 'age' }, ['b.test', 'c.test', 'a.test']],
    [{ order: 'destination' }, ['a.test', 'b.test', 'c.test']],
    [{ order: 'destination', isReversed: true }, ['c.test', 'b.test', 'a.test']],
    [{ order: 'user' }, ['b.test', 'a.test', 'c.test']],
    [{ filter: 'A.TEST' }, ['a.test']],
    [{ filter: 'lte 10.0.0.9' }, ['c.test']],
    [{ filter: 'bob' }, ['c.test']],
    [{ filter: 'udp' }, ['b.test']],
    [{ filter: 'direct' }, ['b.test']],
    [{ filter: 'redundant :443' }, ['a.test']],
    [{ filter: 'nothing' }, []],
  ])('is ordered and filtered by %o', (query, expected) => {
    const { add, hosts } = bench();
    add({
      ...{ host: 'a.test', user: 'alice', sinceMs: 3_000, bytes: [carried('dsl', 20)] },
      way: { kind: 'steer', policy: { mode: 'redundant' } },
    });
    add({ host: 'b.test', protocol: 'udp', sinceMs: 1_000, way: { kind: 'direct', reason: 'rule' } });
    add({ host: 'c.test', user: 'bob', from: '10.0.0.9', sinceMs: 2_000, bytes: [carried('lte', 5, 90)] });
    expect(hosts(query)).toEqual(expected);
  });

  it('is bounded, and says how many there are', () => {
    const { add, report } = bench();
    for (let i = 0; i < 3_210; i++) add({ host: `host${i}.test`, bytes: [carried('dsl', i)] });
    const { open, matching, rows } = report({ order: 'bytes', limit: 10_000 });
    expect([open, matching, rows.length]).toEqual([3_210, 3_210, MAX_ROWS]);
    expect(rows[0]!.host).toBe('host3209.test');
    expect(report({ filter: 'host32' })).toMatchObject({ open: 3_210, matching: 21 });
    expect(JSON.stringify(rows).length).toBeLessThan(MAX_ROWS * 400);
  });

  it('looks at thousands within milliseconds', () => {
    const { time, add, report } = bench();
    for (let i = 0; i < 10_000; i++) {
      add({ host: `host${i}.example.org`, bytes: ['a', 'b', 'c', 'd'].map((name) => carried(name, i)) });
    }
    const tookMs: number[] = [];
    for (let i = 0; i < 5; i++) {
      time.ms += 1_000;
      const startMs = performance.now();
      report({ filter: 'example.org' });
      tookMs.push(performance.now() - startMs);
    }
    console.log(`10,000 connections over 4 uplinks: ${Math.min(...tookMs).toFixed(1)} ms a look`);
    expect(Math.min(...tookMs)).toBeLessThan(500);
  });

  it('keeps the number of a connection, and closes it by that, once', () => {
    const { table, open, closed, add, report } = bench();
    add({ host: 'a.test' });
    add({ host: 'b.test' });
    const id = report().rows.find(({ host }) => host === 'b.test')!.id;
    expect(report().rows.find(({ host }) => host === 'b.test')!.id).toBe(id);
    expect([table.close(id), closed]).toEqual([true, ['b.test']]);
    open.pop();
    add({ host: 'c.test' });
    report();
    expect([table.close(id), table.close(99), closed]).toEqual([false, false, ['b.test']]);
  });
});
