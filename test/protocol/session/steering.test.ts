import { describe, expect, it } from 'vitest';
import type { ControlFrame } from '../../../shared/protocol/codec/frame.ts';
import type { SteeringFrame } from '../../../shared/protocol/codec/steering-frame.ts';
import { frameOfPolicy } from '../../../shared/protocol/steering/policy-frame.ts';
import { MAX_POLICIES } from '../../../shared/protocol/steering/session-steering.ts';
import type { SteeringPolicy } from '../../../shared/protocol/steering/steering-policy.ts';
import { CountingChunk, patternBytes, thrownBy } from '../support.ts';
import { ManySubflows } from './many-subflows.ts';
import { dataFrame, LINGER_MS, openFrame, SessionBed } from './session-bed.ts';

const ORIGIN = { host: 'origin.example', port: 80 };
const policy: SteeringPolicy = { mode: 'aggregate', only: ['uplink1'] };

function steering(only: string, generation: number, streamId = 0): SteeringFrame {
  return frameOfPolicy({ mode: 'aggregate', only: [only] }, streamId, generation);
}

/** On which subflows the concentrator sends what its origin writes now. */
function carriers(bed: SessionBed, streamId = 0): number[] {
  bed.session.streams.write(streamId, new CountingChunk(patternBytes(0, 100)));
  return bed.session
    .snapshot()
    .subflows.map(({ id }) => id)
    .filter((id) => bed.sent(id).some(({ kind }) => kind === 'data'));
}

function types(frames: readonly ControlFrame[]): string[] {
  return frames.map(({ type }) => type);
}

describe('a client that opens a stream', () => {
  it('sends STEERING directly behind OPEN where a mode does not say it all', () => {
    const bed = new SessionBed('client', [0, 1]);
    bed.at(0).streams.open(ORIGIN, policy);
    const sent = bed.sentControl();
    expect(types(sent)).toEqual(['open', 'steering']);
    expect(sent[1]).toEqual(frameOfPolicy(policy, 0, 1));
  });

  it('sends none where it does', () => {
    const bed = new SessionBed('client');
    bed.at(0).streams.open(ORIGIN, { mode: 'redundant' });
    expect(bed.sentControl()).toMatchObject([{ type: 'open', mode: 5 }]);
  });

  it('asks the peer for what holds down alone, and goes by the rest itself', () => {
    const bed = new SessionBed('client', [0, 1]);
    const down = { mode: 'priority', order: ['uplink0'] } as const;
    const id = bed.at(0).streams.open(ORIGIN, { mode: 'aggregate', only: ['uplink1'], down });
    const sent = bed.sentControl();
    expect(sent[0]).toMatchObject({ type: 'open', mode: 3 });
    expect(sent[1]).toEqual(frameOfPolicy(down, id, 1));
    expect(carriers(bed, id)).toEqual([1]);
    bed.at(0).streams.steer(id, { mode: 'aggregate', only: ['uplink0'], down: { mode: 'redundant' } });
    expect(bed.sentControl()).toEqual([frameOfPolicy({ mode: 'redundant' }, id, 2)]);
    expect(carriers(bed, id)).toEqual([0]);
  });

  it('has uplinks dialled to which either direction is bound', () => {
    const bed = new SessionBed('client', [0, 1]);
    const down = { mode: 'aggregate', only: ['uplink2'] } as const;
    bed.at(0).streams.open(ORIGIN, { mode: 'aggregate', only: ['uplink1'], down });
    expect(bed.session.snapshot().boundTo).toEqual([['uplink1'], ['uplink2']]);
  });

  it('sends another one for each change, and those that wait no more once there is a newer one', () => {
    const bed = new SessionBed('client');
    const id = bed.at(0).streams.open(ORIGIN, { mode: 'aggregate' });
    bed.sent();
    bed.at(0).streams.steer(id, policy);
    bed.at(0).streams.steer(id, { mode: 'aggregate' });
    expect(bed.sentControl()).toEqual([frameOfPolicy({ mode: 'aggregate' }, id, 2)]);
    bed.session.streams.reset(id, 'cancelled');
    bed.at(0).streams.steer(id, policy);
    expect(types(bed.sentControl())).toEqual(['reset']);
  });

  it('is told at once of a policy that the wire can not carry, and has no stream then', () => {
    const bed = new SessionBed('client');
    const wrong = { mode: 'aggregate', only: [] } as const;
    const wrongDown = { mode: 'aggregate', down: wrong } as const;
    const misuse = { code: 'internalError', name: 'MisuseError' };
    expect(thrownBy(() => bed.at(0).streams.open(ORIGIN, wrong))).toEqual(misuse);
    expect(thrownBy(() => bed.at(0).streams.open(ORIGIN, wrongDown))).toEqual(misuse);
    expect(bed.session.streams.count).toBe(0);
    const id = bed.at(0).streams.open(ORIGIN, { mode: 'aggregate' });
    expect(thrownBy(() => bed.at(0).streams.steer(id, wrong))).toEqual(misuse);
  });
});

describe('STEERING at the concentrator', () => {
  it('decides where it sends', () => {
    const bed = new SessionBed('concentrator', [0, 1, 2]);
    bed.openStream(0);
    bed.control(steering('uplink2', 1));
    expect(carriers(bed)).toEqual([2]);
  });

  it('may overtake its OPEN, whose mode then says nothing', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.control(steering('uplink1', 1), 1);
    expect(bed.events()).toEqual([]);
    bed.openStream(0);
    expect(carriers(bed)).toEqual([1]);
  });

  it('counts by its generation, in whatever order it comes', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.openStream(0);
    bed.control(steering('uplink1', 2));
    bed.control(steering('uplink0', 1), 1);
    bed.control(steering('uplink0', 2), 1);
    expect(carriers(bed)).toEqual([1]);
    bed.control(steering('uplink0', 3));
    expect(carriers(bed)).toEqual([0]);
  });

  it('that names uplinks of nobody makes the stream wait, until it comes again', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.openStream(0);
    bed.control(steering('elsewhere', 1));
    expect(carriers(bed)).toEqual([]);
    bed.control(steering('uplink1', 2));
    expect(carriers(bed)).toEqual([1]);
  });

  it('ends the wait for the uplinks of the one before, also where the new ones are busy', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.openStream(0);
    bed.control(steering('elsewhere', 1));
    expect(carriers(bed)).toEqual([]);
    bed.nowMs = LINGER_MS - 1;
    bed.session.subflows.setWritable(1, false);
    bed.control(steering('uplink1', 2));
    bed.at(bed.nowMs).flush();
    bed.nowMs = LINGER_MS + 1;
    bed.at(bed.nowMs).flush();
    expect(bed.eventTypes()).not.toContain('stream-failed');
    expect(bed.session.streams.count).toBe(1);
  });

  it('waits for an uplink that is yet to come', () => {
    const bed = new SessionBed('concentrator', [0]);
    bed.openStream(0);
    bed.control(steering('uplink7', 1));
    expect(carriers(bed)).toEqual([]);
    bed.addSubflow(7);
    expect(carriers(bed)).toEqual([7]);
  });

  it('that lifts the bond ends the wait for what it was bound to', () => {
    const bed = new SessionBed('concentrator', [0]);
    bed.openStream(0);
    bed.control(steering('elsewhere', 1));
    expect(carriers(bed)).toEqual([]);
    const step = (untilMs: number) => {
      for (; bed.nowMs < untilMs; bed.nowMs += 100) {
        bed.sent();
        const bytes = bed.session.snapshot().subflows[0]!.sentBytes;
        bed.control({ type: 'receipt', entries: [{ subflowId: 0, delayMicroseconds: 0, bytes }] });
      }
    };
    step(LINGER_MS - 2_000);
    // No subflow works, for a while.
    bed.at(bed.nowMs).subflows.doubt(0, 'test');
    bed.control(frameOfPolicy({ mode: 'aggregate' }, 0, 2));
    for (; bed.nowMs < LINGER_MS + 2_000; bed.nowMs += 100) bed.sent();
    expect(bed.eventTypes()).not.toContain('stream-failed');
    step(LINGER_MS + 3_000);
    expect([bed.session.snapshot().subflows[0]!.state, carriers(bed)]).toEqual(['active', [0]]);
  });

  it('leaves what is late where the new mode would have it, though nothing new is to be sent', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.openStream(0);
    bed.control(steering('uplink0', 1));
    const receipt = (subflowId: number) => {
      const bytes = bed.session.snapshot().subflows[subflowId]!.sentBytes;
      bed.control({ type: 'receipt', entries: [{ subflowId, delayMicroseconds: 0, bytes }] }, subflowId);
    };
    // The second subflow is much faster than the first.
    bed.sent(1);
    bed.nowMs = 1;
    receipt(1);
    bed.nowMs = 150;
    receipt(0);
    expect(carriers(bed)).toEqual([0]);
    bed.control(frameOfPolicy({ mode: 'active-standby', order: ['uplink0'] }, 0, 2));
    for (const endMs = bed.nowMs + 350; bed.nowMs < endMs; bed.nowMs += 10) {
      bed.sent(0);
      expect(bed.sent(1).filter(({ kind }) => kind === 'data')).toEqual([]);
    }
    expect(bed.session.snapshot().subflows[0]!.state).toBe('active');
  });

  it('that leaves a stream redundant repeats nothing that every uplink was given', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.openStream(0);
    bed.control(frameOfPolicy({ mode: 'redundant' }, 0, 1));
    expect(carriers(bed)).toEqual([0, 1]);
    bed.control(frameOfPolicy({ mode: 'redundant', order: ['uplink1'] }, 0, 2));
    const dataOn = (id: number) => bed.sent(id).filter(({ kind }) => kind === 'data');
    expect([dataOn(0), dataOn(1)]).toEqual([[], []]);
  });

  it('for a stream that is closed is ignored; far ahead it is a violation', () => {
    const bed = new SessionBed('concentrator');
    bed.openStream(0);
    bed.session.streams.reset(0, 'cancelled');
    bed.control(steering('uplink0', 1));
    expect([bed.session.isClosed, bed.session.streams.count]).toEqual([false, 0]);
    bed.control(steering('uplink0', 1, 1_000_000));
    expect(bed.session.isClosed).toBe(true);
  });

  it('from a concentrator is a violation', () => {
    const bed = new SessionBed('client');
    bed.at(0).streams.open(ORIGIN, { mode: 'aggregate' });
    bed.control(steering('uplink0', 1));
    expect(bed.events().at(-1)).toMatchObject({ type: 'session-closed', error: 'malformedMessage' });
  });
});

describe('PRIORITY', () => {
  const priority = (backup: boolean, generation: number): ControlFrame => ({
    type: 'priority',
    subflowId: 0,
    backup,
    generation,
  });

  it('counts by its generation', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    const isBackup = () => bed.session.snapshot().subflows[0]!.duty === 'backup';
    bed.control(priority(true, 2));
    bed.control(priority(false, 1), 1);
    expect(isBackup()).toBe(true);
    bed.control(priority(false, 3), 1);
    expect(isBackup()).toBe(false);
  });

  it('is sent for each change and no repeat, the newest alone of those that wait', () => {
    const bed = new SessionBed('client', [0, 1]);
    bed.at(0).subflows.setBackup(0, false);
    expect(bed.sentControl(1)).toEqual([]);
    bed.at(0).subflows.setBackup(0, true);
    bed.at(0).subflows.setBackup(0, true);
    expect(bed.sentControl(1)).toEqual([priority(true, 1)]);
    bed.at(0).subflows.setBackup(0, false);
    bed.at(0).subflows.setBackup(0, true);
    expect(bed.sentControl(1)).toEqual([priority(true, 3)]);
    bed.at(0).subflows.setBackup(99, true);
    expect(bed.sentControl(1)).toEqual([]);
  });

  it('makes a subflow a backup: used only when no other works', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.control(openFrame(0));
    bed.session.streams.accept(0);
    bed.control(priority(true, 1));
    expect(carriers(bed)).toEqual([1]);
    bed.at(bed.nowMs).subflows.doubt(1, 'its interface is down');
    expect(carriers(bed)).toEqual([0]);
  });
});

it('with all subflows in doubt, control frames go where the peer was heard last', () => {
  const bed = new SessionBed('concentrator', [0, 1, 2, 3]);
  bed.openStream(0);
  bed.nowMs = 10;
  bed.control(openFrame(1), 2);
  for (const id of [3, 2]) {
    bed.nowMs += 10;
    bed.receive(dataFrame(0, id, patternBytes(id, 1)), id);
  }
  bed.events();
  for (const id of [0, 1, 2, 3]) bed.at(bed.nowMs).subflows.doubt(id, 'its interface is down');
  for (const id of [0, 1, 2, 3]) bed.sent(id);
  bed.session.streams.accept(1);
  const told = [0, 1, 2, 3].filter((id) => types(bed.sentControl(id)).includes('opened'));
  expect(told).toEqual([2, 3]);
});

describe('a session with one policy too many', () => {
  const numbered = (number: number): SteeringPolicy => ({ mode: 'lowest-latency', maxRttMs: 100 + number });

  it('at the concentrator: resets the stream that asks for it, and no other', () => {
    const bed = new ManySubflows(2 * MAX_POLICIES);
    for (let id = 0; id < MAX_POLICIES; id++) {
      bed.hear([openFrame(id), frameOfPolicy(numbered(id), id, 1)]);
    }
    const next = MAX_POLICIES;
    bed.hear([openFrame(next), frameOfPolicy(numbered(0), next, 1)]);
    expect(bed.session.streams.count).toBe(next + 1);
    bed.hear([frameOfPolicy(numbered(next), next, 2)]);
    // Also where STEERING comes in front of its OPEN.
    bed.hear([frameOfPolicy(numbered(next), next + 1, 1), openFrame(next + 1)]);
    expect(bed.failed).toEqual([next]);
    expect([bed.session.streams.count, bed.session.isClosed]).toEqual([MAX_POLICIES, false]);
  });

  it('at the client: opens no stream with it, and ends one that is to follow it', () => {
    const { session } = new ManySubflows(2 * MAX_POLICIES, 'client');
    const ids = Array.from({ length: MAX_POLICIES }, (_, i) => session.streams.open(ORIGIN, numbered(i)));
    const refused = thrownBy(() => session.streams.open(ORIGIN, numbered(MAX_POLICIES)));
    expect(refused).toEqual({ code: 'resourceExceeded', name: 'StreamError' });
    const plain = session.streams.open(ORIGIN, { mode: 'aggregate' });
    expect(plain).toBe(ids.at(-1)! + 1);
    session.streams.steer(plain, numbered(MAX_POLICIES));
    expect(session.nextEvent()).toEqual({
      type: 'stream-failed',
      streamId: plain,
      error: 'resourceExceeded',
    });
    expect(session.streams.count).toBe(MAX_POLICIES);
  });
});
