import { describe, expect, it } from 'vitest';
import { NO_LIMIT } from '../../../shared/protocol/uplink/rate-limit.ts';
import { CountingChunk, patternBytes } from '../support.ts';
import { SessionBed } from './session-bed.ts';

const told = (bed: SessionBed, subflowId = 0) =>
  bed.sentControl(subflowId).filter((frame) => frame.type === 'rateLimit');
const limitOf = (bed: SessionBed, id = 0) =>
  bed.session.snapshot().subflows.find((subflow) => subflow.id === id)?.limitBytesPerSecond;

describe('a client with a limited uplink', () => {
  const limit = { sendBytesPerSecond: 1_000, receiveBytesPerSecond: 2_000, isMetered: true };

  it('limits itself, and tells the concentrator for each of its subflows, also those to come', () => {
    const bed = new SessionBed('client');
    bed.at(0).uplinks.limitRate('uplink0', limit);
    expect(limitOf(bed)).toBe(1_000);
    expect(told(bed)).toMatchObject([
      { type: 'rateLimit', subflowId: 0, bytesPerSecond: 2_000, metered: true },
    ]);
    bed.at(0).uplinks.limitRate('uplink1', limit);
    expect(told(bed)).toEqual([]);
    bed.addSubflow(1);
    expect(limitOf(bed, 1)).toBe(1_000);
    expect(told(bed)).toMatchObject([
      { type: 'rateLimit', subflowId: 1, bytesPerSecond: 2_000, metered: true },
    ]);
  });

  it('says a limit once, and when it changes or ends', () => {
    const bed = new SessionBed('client');
    bed.at(0).uplinks.limitRate('uplink0', limit);
    bed.at(0).uplinks.limitRate('uplink0', limit);
    expect(told(bed)).toHaveLength(1);
    bed
      .at(0)
      .uplinks.limitRate('uplink0', { sendBytesPerSecond: 0, receiveBytesPerSecond: 0, isMetered: false });
    expect(limitOf(bed)).toBeUndefined();
    expect(told(bed)).toMatchObject([{ type: 'rateLimit', subflowId: 0, bytesPerSecond: 0, metered: false }]);
  });

  it('sends only the latest of limits that waited together', () => {
    const bed = new SessionBed('client');
    bed.at(0).uplinks.limitRate('uplink0', limit);
    bed.at(0).uplinks.limitRate('uplink0', { ...limit, receiveBytesPerSecond: 5_000 });
    expect(told(bed)).toMatchObject([
      { type: 'rateLimit', subflowId: 0, bytesPerSecond: 5_000, metered: true },
    ]);
  });

  it('counts what it tells, whatever the subflow', () => {
    const bed = new SessionBed('client');
    bed.at(0).uplinks.limitRate('uplink0', limit);
    bed.at(0).subflows.add({ id: 1, uplinkName: 'uplink0', isBackup: false });
    bed.at(0).uplinks.limitRate('uplink0', { ...limit, isMetered: false });
    expect(told(bed).map(({ generation }) => generation)).toEqual([3, 4]);
  });

  it('keeps the limit while the uplink is down', () => {
    const bed = new SessionBed('client', [0, 1]);
    bed.at(0).uplinks.limitRate('uplink0', limit);
    bed.at(0).subflows.remove(0);
    told(bed, 1);
    bed.at(0).subflows.add({ id: 2, uplinkName: 'uplink0', isBackup: false });
    expect(limitOf(bed, 2)).toBe(1_000);
    expect(told(bed, 1)).toMatchObject([
      { type: 'rateLimit', subflowId: 2, bytesPerSecond: 2_000, metered: true },
    ]);
  });

  it('says that a limit has ended when the uplink comes back: the old subflow may still be known, and keep it', () => {
    const bed = new SessionBed('client', [0, 1]);
    bed.at(0).uplinks.limitRate('uplink0', limit);
    told(bed, 1);
    bed.at(0).subflows.remove(0);
    bed.at(0).uplinks.limitRate('uplink0', NO_LIMIT);
    expect(told(bed, 1)).toEqual([]);
    bed.at(0).subflows.add({ id: 2, uplinkName: 'uplink0', isBackup: false });
    expect(told(bed, 1)).toMatchObject([{ subflowId: 2, bytesPerSecond: 0, metered: false }]);
  });

  it('ends the session with a concentrator that would limit it', () => {
    const bed = new SessionBed('client');
    bed.control({ type: 'rateLimit', subflowId: 0, bytesPerSecond: 1, metered: false, generation: 1 });
    expect(bed.session.isClosed).toBe(true);
  });
});

describe('a concentrator', () => {
  let generation = 0;
  const rateLimit = (subflowId: number, bytesPerSecond: number) =>
    ({ type: 'rateLimit', subflowId, bytesPerSecond, metered: false, generation: ++generation }) as const;

  it('obeys for all subflows of the uplink together, and for those that join it', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.at(0).subflows.add({ id: 2, uplinkName: 'uplink0', isBackup: false });
    bed.control(rateLimit(0, 3_000));
    expect([limitOf(bed, 0), limitOf(bed, 1), limitOf(bed, 2)]).toEqual([3_000, undefined, 3_000]);
    bed.at(0).subflows.add({ id: 3, uplinkName: 'uplink0', isBackup: false });
    expect(limitOf(bed, 3)).toBe(3_000);
  });

  it('does not fill the bucket anew when it is told again', () => {
    const bed = new SessionBed('concentrator');
    bed.control(rateLimit(0, 3_000));
    const sentIn = (ms: number) => {
      const before = bed.session.snapshot().subflows[0]!.sentBytes;
      for (const endMs = bed.nowMs + ms; bed.nowMs < endMs; bed.nowMs += 10) {
        bed.control(rateLimit(0, 3_000));
        bed.sent();
        bed.control({
          type: 'receipt',
          entries: [
            { subflowId: 0, delayMicroseconds: 0, bytes: bed.session.snapshot().subflows[0]!.sentBytes },
          ],
        });
      }
      return bed.session.snapshot().subflows[0]!.sentBytes - before;
    };
    bed.openStream(0);
    bed.session.streams.write(0, new CountingChunk(patternBytes(0, 100_000)));
    sentIn(1_000);
    expect(sentIn(5_000)).toBeLessThan(5 * 3_000 * 1.1);
    bed.control(rateLimit(0, 4_000));
    expect(limitOf(bed)).toBe(4_000);
    bed.control(rateLimit(0, 0));
    expect(limitOf(bed)).toBeUndefined();
  });

  it('goes by the newest, in whatever order they come', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.at(0).subflows.add({ id: 2, uplinkName: 'uplink0', isBackup: false });
    const [late, newest, elsewhere] = [rateLimit(0, 3_000), rateLimit(2, 4_000), rateLimit(1, 5_000)];
    bed.control(elsewhere);
    bed.control(newest, 1);
    bed.control(late);
    expect([limitOf(bed), limitOf(bed, 1)]).toEqual([4_000, 5_000]);
  });

  it('forgets it with the last subflow of the uplink, and ignores subflows that are gone', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.control(rateLimit(0, 3_000));
    bed.at(0).subflows.remove(0);
    bed.control(rateLimit(0, 3_000), 1);
    bed.at(0).subflows.add({ id: 2, uplinkName: 'uplink0', isBackup: false });
    expect([limitOf(bed, 2), bed.session.isClosed]).toEqual([undefined, false]);
  });

  it('is never told to wait for longer than a second at a time, however small the limit', () => {
    const bed = new SessionBed('concentrator');
    bed.control(rateLimit(0, 1));
    bed.sent();
    for (let i = 0; i < 500; i++) bed.control({ type: 'window', streamId: 0, ack: 0, limit: 0 });
    bed.openStream(0);
    bed.at(10).flush();
    expect(bed.session.deadlineMs).toBeLessThanOrEqual(1_010);
  });
});

describe('an idle subflow of a metered uplink', () => {
  /** Milliseconds at which a session with nothing to do sends PING on subflow 0, in a minute. */
  function pings(bed: SessionBed): number[] {
    const times: number[] = [];
    const startMs = bed.nowMs;
    while (bed.nowMs < startMs + 60_000) {
      bed.nowMs += 100;
      if (bed.sentControl(0).some(({ type }) => type === 'ping')) times.push(bed.nowMs - startMs);
      const bytes = bed.session.snapshot().subflows[0]!.sentBytes;
      if (bytes > 0)
        bed.control({ type: 'receipt', entries: [{ subflowId: 0, delayMicroseconds: 0, bytes }] });
      expect(bed.session.deadlineMs).toBeLessThanOrEqual(bed.nowMs + 1_000);
    }
    return times;
  }

  it.each([
    {
      role: 'client',
      tell: (bed: SessionBed) =>
        bed
          .at(0)
          .uplinks.limitRate('uplink0', { sendBytesPerSecond: 0, receiveBytesPerSecond: 0, isMetered: true }),
    },
    {
      role: 'concentrator',
      tell: (bed: SessionBed) =>
        bed.control({ type: 'rateLimit', subflowId: 0, bytesPerSecond: 0, metered: true, generation: 1 }),
    },
  ] as const)(
    'is pinged every quarter of a minute by the $role, in place of every second',
    ({ role, tell }) => {
      expect(pings(new SessionBed(role)).length).toBeGreaterThan(50);
      const bed = new SessionBed(role);
      tell(bed);
      expect(limitOf(bed)).toBeUndefined();
      expect(pings(bed).length).toBeLessThanOrEqual(5);
      expect(pings(bed).length).toBeGreaterThanOrEqual(3);
    },
  );
});
