import { describe, expect, it } from 'vitest';
import { TrackedDatagram } from '../../../../shared/protocol/datagram/path/tracked-datagram.ts';
import { FLOW_MODES } from '../../../../shared/protocol/datagram/steering/flow-modes.ts';
import type { SteeredFlow } from '../../../../shared/protocol/datagram/steering/steered-flow.ts';
import type { SteeringMode } from '../../../../shared/protocol/steering/modes.ts';
import type { Uplink } from '../../../../shared/protocol/uplink/uplink.ts';
import { newSubflow } from '../../new-subflow.ts';
import { nameOf, SteeringBed } from './steering-bed.ts';

const UPLINKS = [
  { name: 'wifi', rttMs: 40 },
  { name: 'lte', rttMs: 60 },
  { name: 'dsl', rttMs: 80 },
];

describe('FlowSteering', () => {
  it('takes the path with the shortest delay, and another when that is silent', () => {
    const bed = new SteeringBed(UPLINKS);
    const flow = bed.flow();
    expect(bed.send(flow)).toBe('wifi');
    bed.silence('wifi');
    expect(bed.send(flow)).toBe('lte');
  });

  it('sends a small flow twice at once while feedback is late, in any mode', () => {
    for (const mode of ['lowest-latency', 'aggregate', 'active-standby', 'priority'] as const) {
      const bed = new SteeringBed(UPLINKS);
      const flow = bed.flow({ mode, order: ['wifi', 'lte'] });
      expect(bed.send(flow)).toBe('wifi');
      bed.makeLate('wifi');
      expect(bed.send(flow)).toBe('wifi lte');
    }
  });

  it('sends a small flow twice over a path that loses packets, but not a large one', () => {
    const bed = new SteeringBed(UPLINKS);
    const { path } = bed.bed('wifi');
    for (let i = 0; i < 30; i++) {
      for (let k = 0; k < 5; k++) {
        bed.bed('wifi').send();
        bed.clock.ms += 10;
      }
      bed.bed('wifi').confirm(path.nextCounter - 1, 1);
      path.takeLate();
    }
    expect(path.lossShare).toBeGreaterThan(0.1);
    expect(bed.send(bed.flow({ mode: 'lowest-latency', order: ['wifi'] }))).toBe('wifi lte');
    const large = bed.flow({ mode: 'lowest-latency', only: ['wifi'] });
    for (let i = 0; i < 60; i++) bed.send(large, 1_200);
    expect(bed.send(large, 1_200)).toBe('wifi');
  });

  it('spends no money on copies unless the path has failed', () => {
    const bed = new SteeringBed([UPLINKS[0]!, { name: 'lte', rttMs: 60, isMetered: true }]);
    const flow = bed.flow({ mode: 'lowest-latency', order: ['wifi'] });
    bed.silence('wifi');
    bed.bed('wifi').confirm(bed.bed('wifi').path.nextCounter - 1);
    bed.bed('wifi').exchange(30);
    expect(bed.bed('wifi').path.liveness.isUnsteady).toBe(true);
    expect(bed.send(flow)).toBe('wifi');
    bed.makeLate('wifi');
    expect(bed.send(flow)).toBe('wifi lte');
  });

  it('sends again over another path, or over the same where that only loses', () => {
    const bed = new SteeringBed(UPLINKS);
    const again = (policy: Parameters<SteeringBed['flow']>[0], late: string) => {
      const datagram = new TrackedDatagram(1, 1, new Uint8Array(160), bed.clock.ms);
      const carrier = bed.steering.chooseAgain(bed.flow(policy), datagram, bed.bed(late).path);
      return carrier && nameOf(carrier);
    };
    expect(again({ mode: 'lowest-latency' }, 'wifi')).toBe('lte');
    expect(again({ mode: 'lowest-latency', only: ['wifi'] }, 'wifi')).toBe('wifi');
    expect(again({ mode: 'lowest-latency', only: ['dsl', 'wifi'] }, 'wifi')).toBe('dsl');
    bed.makeLate('wifi');
    expect(again({ mode: 'lowest-latency', only: ['wifi'] }, 'wifi')).toBeUndefined();
  });

  it('keeps to the uplinks that a policy allows', () => {
    const bed = new SteeringBed(UPLINKS);
    const flow = bed.flow({ mode: 'redundant', only: ['lte', 'dsl'] });
    expect(bed.send(flow)).toBe('lte dsl');
    bed.steering.steer(flow, { mode: 'lowest-latency', only: ['dsl'] });
    expect(bed.send(flow)).toBe('dsl');
    bed.steering.steer(flow, { mode: 'lowest-latency', only: ['usb'] });
    expect(bed.send(flow)).toBe('no-uplink');
  });

  it('takes subflows where UDP passes on no path, and in modes that name uplinks on the one that they name', () => {
    const bed = new SteeringBed([{ name: 'wifi' }, ...UPLINKS.slice(1)]);
    expect(bed.send(bed.flow())).toBe('lte');
    expect(bed.send(bed.flow({ mode: 'lowest-latency', only: ['wifi'] }))).toBe('(wifi)');
    expect(bed.send(bed.flow({ mode: 'active-standby', order: ['wifi', 'lte'] }))).toBe('(wifi)');
    expect(bed.send(bed.flow({ mode: 'redundant' }))).toBe('lte dsl (wifi)');
  });

  it('goes on over silent paths and over subflows while nothing is heard on any path, a large flow over subflows alone', () => {
    const bed = new SteeringBed(UPLINKS.slice(0, 2));
    const flow = bed.flow();
    bed.silence('wifi');
    bed.silence('lte');
    expect(bed.send(flow)).toBe('wifi lte (wifi)');
    for (let i = 0; i < 60; i++) bed.send(flow, 1_200);
    expect(bed.send(flow, 1_200)).toMatch(/^\((wifi|lte)\)$/);
  });

  describe('with a backup', () => {
    const LTE = { name: 'lte', rttMs: 20, isBackup: true };
    const BOTH = [{ name: 'dsl', rttMs: 60 }, LTE];
    const MODES = Object.keys(FLOW_MODES) as SteeringMode[];
    const sendLarge = (bed: SteeringBed, flow: SteeredFlow) => {
      for (let i = 0; i < 60; i++) bed.send(flow, 1_200);
      return bed.send(flow, 1_200);
    };

    it('leaves it alone in all modes while another uplink works, also by TCP alone, or is late', () => {
      for (const mode of MODES) {
        const bed = new SteeringBed(BOTH);
        const policy = { mode, order: ['lte', 'dsl'], maxRttMs: 30 };
        expect(bed.send(bed.flow(policy))).toBe('dsl');
        expect(sendLarge(bed, bed.flow(policy))).toMatch(/^(dsl|queue-full)$/);
        bed.makeLate('dsl');
        expect(bed.send(bed.flow(policy))).toBe('dsl');
        const byTcp = new SteeringBed([{ name: 'dsl' }, LTE]);
        expect(byTcp.send(byTcp.flow(policy))).toBe('(dsl)');
      }
    });

    it('takes it where the policy allows nothing else, and where nothing else works', () => {
      for (const mode of MODES) {
        const only = new SteeringBed(BOTH);
        expect(only.send(only.flow({ mode, only: ['lte'] }))).toBe('lte');
        const bed = new SteeringBed(BOTH);
        bed.uplinks[0]!.subflows[0]!.doubt(false);
        expect(bed.send(bed.flow({ mode }))).toBe('dsl');
        bed.silence('dsl');
        expect(bed.send(bed.flow({ mode }))).toBe('lte');
        expect(sendLarge(bed, bed.flow({ mode }))).toMatch(/^(lte|queue-full)$/);
      }
    });

    it('takes it at once for a small flow where the other path falls silent, and goes on by TCP with a large one', () => {
      const bed = new SteeringBed(BOTH);
      bed.silence('dsl');
      expect(bed.send(bed.flow())).toBe('lte');
      expect(sendLarge(bed, bed.flow())).toBe('(dsl)');
    });

    it('sends nothing again over it either', () => {
      const bed = new SteeringBed(BOTH);
      const datagram = new TrackedDatagram(1, 1, new Uint8Array(160), bed.clock.ms);
      const again = bed.steering.chooseAgain(bed.flow(), datagram, bed.bed('dsl').path);
      expect(again && nameOf(again)).toBe('dsl');
    });

    it('follows when an uplink becomes one, is one no more, or has lost its subflow', () => {
      const bed = new SteeringBed(BOTH);
      const [dsl, lte] = bed.uplinks as [Uplink, Uplink];
      lte.remove(lte.subflows[0]!);
      expect(bed.send(bed.flow())).toBe('dsl');
      const again = newSubflow({ id: 7 }, lte, bed.clock);
      expect(bed.send(bed.flow())).toBe('lte');
      again.duty.set('makeBackup');
      expect(bed.send(bed.flow())).toBe('dsl');
      dsl.subflows[0]!.duty.set('retire');
      expect(bed.send(bed.flow())).toBe('lte');
    });
  });

  it.each([false, true])('asks the other paths once where one is late; they are backups: %s', (isBackup) => {
    const bed = new SteeringBed(
      UPLINKS.map((one) => ({ ...one, isBackup: isBackup && one.name !== 'wifi' })),
    );
    const flow = bed.flow({ mode: 'lowest-latency', order: ['wifi'] });
    bed.send(flow);
    bed.makeLate('wifi');
    const { path } = bed.bed('dsl');
    const isAsked = () => path.takeProbes().some(({ packetBytes }) => packetBytes === 0);
    path.takeProbes();
    expect(isAsked()).toBe(false);
    bed.send(flow);
    path.takeProbes();
    expect(isAsked()).toBe(true);
    path.onSent({ packetBytes: 100, wantsFeedback: true, isProbe: true });
    bed.send(flow);
    expect(isAsked()).toBe(false);
  });

  it('asks a metered path not again within a second, however often another one is late', () => {
    const bed = new SteeringBed(UPLINKS.map((one) => ({ ...one, isMetered: one.name !== 'wifi' })));
    const { probes } = bed.bed('dsl').path;
    probes.onSent(true);
    const askedAt = bed.clock.ms;
    probes.ask(askedAt + 900);
    expect(probes.nextMs).toBeGreaterThan(askedAt + 1_000);
    probes.ask(askedAt + 1_001);
    expect(probes.nextMs).toBe(askedAt);
  });

  it('drops what a rate limit holds back for too long', () => {
    const bed = new SteeringBed(UPLINKS.slice(0, 1));
    bed.uplinks[0]!.rateLimit.set({
      sendBytesPerSecond: 125_000,
      receiveBytesPerSecond: 0,
      isMetered: false,
    });
    const flow = bed.flow();
    const sent = Array.from({ length: 40 }, () => bed.send(flow, 1_200));
    // The flow is small until it has sent 32 kB; beyond that a burst of 16 kB would be let through.
    expect(sent.filter((name) => name === 'wifi')).toHaveLength(26);
    expect(sent.at(-1)).toBe('queue-full');
    bed.clock.ms += 1_000;
    bed.uplinks[0]!.rateLimit.refresh();
    expect(bed.send(flow, 1_200)).not.toBe('queue-full');
  });

  it('marks the uplinks of calls, and not those of questions', () => {
    const bed = new SteeringBed(UPLINKS);
    bed.send(bed.flow());
    expect(bed.uplinks[0]!.hasCall).toBe(false);
    const call = bed.flow({ mode: 'lowest-latency', only: ['wifi'] });
    for (let i = 0; i < 10; i++) {
      bed.send(call);
      bed.clock.ms += 20;
      bed.bed('wifi').confirm(bed.bed('wifi').path.nextCounter - 1);
    }
    expect(bed.uplinks.map(({ hasCall }) => hasCall)).toEqual([true, false, false]);
    bed.clock.ms += 2_000;
    expect(bed.uplinks[0]!.hasCall).toBe(false);
  });

  it('returns to the uplink on which the peer sends, at the concentrator', () => {
    const bed = new SteeringBed(UPLINKS, true);
    const flow = bed.flow({ mode: 'active-standby' });
    bed.steering.onReceived(flow, bed.uplinks[2]!);
    expect(bed.send(flow)).toBe('dsl');
  });

  it('bounds the policies of a session together with those of its streams', () => {
    const bed = new SteeringBed(UPLINKS);
    const flows = Array.from({ length: 128 }, (_, i) => bed.flow({ mode: 'aggregate', maxRttMs: 100 + i }));
    const more = () => bed.flow({ mode: 'aggregate', maxRttMs: 99 });
    expect(more).toThrow('at most 128');
    bed.steering.end(flows[0]!);
    expect(more).not.toThrow();
  });
});
