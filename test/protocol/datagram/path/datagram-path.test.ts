import { describe, expect, it } from 'vitest';
import { DatagramPath } from '../../../../shared/protocol/datagram/path/datagram-path.ts';
import { PathRecord, QUEUEING_BOUNDS_MS } from '../../../../shared/protocol/datagram/path/path-record.ts';
import { TrackedDatagram } from '../../../../shared/protocol/datagram/path/tracked-datagram.ts';
import { PathBed } from './path-bed.ts';

function tracked(bed: PathBed, sequence: number): TrackedDatagram {
  return new TrackedDatagram(1, sequence, new Uint8Array(160), bed.clock.ms);
}

describe('DatagramPath', () => {
  it('is of use once there was feedback, and asks until then', () => {
    const bed = new PathBed();
    expect(bed.path.isUsable).toBe(false);
    const askedMs: number[] = [];
    for (; bed.clock.ms < 2_000; bed.clock.ms += 10) {
      for (const _ of bed.path.takeProbes()) {
        bed.send({ isProbe: true });
        askedMs.push(bed.clock.ms);
      }
    }
    expect(askedMs).toEqual([0, 50, 150, 350, 750, 1_550]);
    bed.confirm(1);
    expect(bed.path).toMatchObject({ isUsable: true, isDoubted: false });
  });

  it('ignores feedback about packets that were never sent', () => {
    const bed = new PathBed();
    bed.send();
    bed.confirm(2);
    expect(bed.path.isUsable).toBe(false);
  });

  it('is late 10 ms after feedback was due, silent some 50 ms later, and asks often then', () => {
    const bed = new PathBed();
    bed.exchange(40);
    const sentMs = bed.clock.ms;
    bed.send();
    const { liveness } = bed.path;
    expect(liveness.lateAtMs - sentMs).toBeCloseTo(50, 0);
    bed.clock.ms = liveness.lateAtMs;
    expect(liveness).toMatchObject({ isLate: true, isSilent: false });
    expect(bed.path.isDoubted).toBe(true);
    bed.clock.ms += 50;
    expect(liveness.isSilent).toBe(true);
    expect(bed.path.isUsable).toBe(false);
    let asked = 0;
    for (const endMs = bed.clock.ms + 500; bed.clock.ms < endMs; bed.clock.ms += 5) {
      asked += bed.path.takeProbes().length > 0 ? 1 : 0;
      if (bed.path.takeProbes().length > 0) bed.send({ isProbe: true });
    }
    expect(asked).toBe(10);
    bed.confirm(bed.path.nextCounter - 1);
    expect(liveness).toMatchObject({ isLate: false, isSilent: false, isUnsteady: true });
    bed.clock.ms += 10_000;
    expect(liveness.isUnsteady).toBe(false);
  });

  it('notices a second pause as soon as the first', () => {
    const bed = new PathBed();
    bed.exchange(40);
    for (let i = 0; i < 3; i++) {
      // 30 packets wait for 600 ms, and arrive together.
      for (let k = 0; k < 30; k++) {
        bed.send();
        bed.clock.ms += 20;
      }
      for (let k = 30; k > 0; k--) bed.confirm(bed.path.nextCounter - k);
      bed.exchange(20);
      const sentMs = bed.clock.ms;
      bed.send();
      expect(bed.path.liveness.lateAtMs - sentMs).toBeLessThan(60);
      bed.clock.ms += 40;
      bed.confirm(bed.path.nextCounter - 1);
    }
  });

  it('takes a path for longer when all its packets are late for a while', () => {
    const bed = new PathBed();
    bed.exchange(40);
    bed.rttMs = 150;
    bed.exchange(40);
    const sentMs = bed.clock.ms;
    bed.send();
    expect(bed.path.liveness.lateAtMs - sentMs).toBeGreaterThan(150);
  });

  it('gives back what is late, once, if nothing else carries it', () => {
    const bed = new PathBed();
    bed.exchange(40);
    const [lone, doubled] = [tracked(bed, 1), tracked(bed, 2)];
    bed.send({ datagram: lone });
    bed.send({ datagram: doubled });
    doubled.underWay++;
    expect(bed.path.takeLate()).toEqual([]);
    bed.clock.ms = bed.path.liveness.lateAtMs;
    expect(bed.path.takeLate()).toEqual([lone]);
    expect(bed.path.takeLate()).toEqual([]);
    expect(doubled.underWay).toBe(1);
  });

  it('gives back what a later packet has overtaken, and not what is confirmed', () => {
    const bed = new PathBed();
    bed.exchange(40);
    const datagrams = [1, 2, 3].map((sequence) => {
      const datagram = tracked(bed, sequence);
      bed.send({ datagram });
      bed.clock.ms += 10;
      return datagram;
    });
    const last = bed.path.nextCounter - 1;
    bed.confirm(last, 1);
    expect(datagrams.map(({ isConfirmed }) => isConfirmed)).toEqual([true, false, true]);
    // It is the second that is missing: not the order, but a loss.
    expect(bed.path.takeLate()).toEqual([datagrams[1]]);
  });

  it('does not give back what is too old to be of use', () => {
    const bed = new PathBed();
    bed.exchange(40);
    bed.send({ datagram: tracked(bed, 1) });
    bed.clock.ms += 1_000;
    expect(bed.path.takeLate()).toEqual([]);
  });

  it('counts loss, and what is under way', () => {
    const bed = new PathBed();
    bed.exchange(10);
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < 10; i++) {
        bed.send();
        bed.clock.ms += 10;
      }
      const last = bed.path.nextCounter - 1;
      bed.confirm(last, 1, last - 1);
    }
    bed.path.takeLate();
    expect(bed.path.lossShare).toBeCloseTo(0.1, 1);
    expect(bed.path.inFlightBytes).toBeLessThanOrEqual(200);
    expect(bed.path.snapshot()).toMatchObject({ state: 'working', sentPackets: 1_010, lostPackets: 100 });
  });

  it('counts how long packets were under way beyond the shortest round trip', () => {
    const bed = new PathBed();
    const record = new PathRecord();
    const path = new DatagramPath(0, bed.path.uplink, bed.clock, undefined, 1, record);
    for (const rttMs of [40, 40, 44, 160, 40]) {
      const counter = path.onSent({ packetBytes: 200, wantsFeedback: true });
      bed.clock.ms += rttMs;
      path.onFeedback({ largest: counter, delayMs: 0, packets: counter, firstRun: counter - 1, gaps: [] });
    }
    const counted = Object.fromEntries(
      QUEUEING_BOUNDS_MS.map((bound, i) => [bound, record.queueing.counts[i]]),
    );
    expect(counted).toMatchObject({ 1: 3, 5: 1, 100: 0, 200: 1, 400: 0 });
    expect(record.queueing.sumMs).toBe(124);
  });

  it('never has a deadline in the past, and always does something at it', () => {
    const bed = new PathBed();
    let idle = 0;
    for (let i = 0; i < 2_000; i++) {
      const { deadlineMs } = bed.path;
      expect(deadlineMs).toBeGreaterThanOrEqual(bed.clock.ms);
      idle = deadlineMs === bed.clock.ms ? idle + 1 : 0;
      // It becomes late at one deadline, and asks at the same time.
      expect(idle).toBeLessThan(3);
      bed.clock.ms = deadlineMs;
      for (const { packetBytes } of bed.path.takeProbes()) bed.send({ isProbe: true, packetBytes });
      bed.path.takeLate();
      if (i % 3 === 0) bed.confirm(bed.path.nextCounter - 1);
    }
  });

  it('pays for its packets from the rate limit of its uplink', () => {
    const bed = new PathBed();
    const { uplink } = bed.path;
    uplink.rateLimit.set({ sendBytesPerSecond: 100_000, receiveBytesPerSecond: 0, isMetered: false });
    for (let i = 0; i < 100; i++) bed.send({ packetBytes: 1_000 });
    // 102,800 bytes with headers, of which 2500 were there.
    expect(uplink.bucket!.debtMs).toBeCloseTo(1_003, 0);
  });
});
