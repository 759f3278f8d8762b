import { describe, expect, it } from 'vitest';
import { RECEIVE_TABLE, SEND_TABLE } from '../../shared/protocol/stream/half-state.ts';
import { SEND_STATE_TABLE } from '../../shared/protocol/stream/queue-place.ts';
import { SUBFLOW_TABLE } from '../../shared/protocol/subflow/subflow-state.ts';
import { StateMachine, type TransitionTable } from '../../shared/protocol/transition-table.ts';
import { newStream } from './stream/streams.ts';
import { thrownBy } from './support.ts';

const misuse = { code: 'internalError', name: 'MisuseError' };

/** Every pair of state and event, with the next state where the table of SPEC.md or the state's own file lists one. */
const CASES: readonly [string, TransitionTable<string, string>, Record<string, string>, string[]][] = [
  [
    'sending half',
    SEND_TABLE,
    {
      'open end': 'ending',
      'open reset': 'done',
      'ending allReceipted': 'done',
      'ending reset': 'done',
      'done reset': 'done',
    },
    ['end', 'allReceipted', 'reset'],
  ],
  [
    'receiving half',
    RECEIVE_TABLE,
    {
      'open fin': 'ending',
      'open reset': 'done',
      'ending allConsumed': 'done',
      'ending reset': 'done',
      'done reset': 'done',
    },
    ['fin', 'allConsumed', 'reset'],
  ],
  [
    'sending',
    SEND_STATE_TABLE,
    {
      'idle fill': 'queued',
      'queued drain': 'idle',
      'queued strand': 'stranded',
      'stranded drain': 'idle',
      'stranded relieve': 'queued',
    },
    ['fill', 'drain', 'strand', 'relieve'],
  ],
  [
    'subflow',
    SUBFLOW_TABLE,
    {
      'active doubt': 'doubted',
      'active close': 'closed',
      'doubted recover': 'active',
      'doubted close': 'closed',
    },
    ['doubt', 'recover', 'close'],
  ],
];

describe.each(CASES)('%s', (name, table, expected, events) => {
  for (const state of Object.keys(table)) {
    for (const event of events) {
      const next = expected[`${state} ${event}`];
      it(`${state}, ${event}: ${next ?? 'must never happen'}`, () => {
        const machine = new StateMachine(name, 1, table, state);
        if (next === undefined) {
          expect(thrownBy(() => machine.apply(event))).toEqual(misuse);
          expect(machine.state).toBe(state);
        } else {
          expect(machine.apply(event)).toBe(next);
          expect(machine.state).toBe(next);
        }
      });
    }
  }
});

describe('opening of a stream', () => {
  const stream = (phase: 'opening' | 'embryonic') => newStream({ phase });

  it('at the client: opening, open', () => {
    const client = stream('opening');
    expect(thrownBy(() => client.advance('openReceived'))).toEqual(misuse);
    expect(thrownBy(() => client.advance('accepted'))).toEqual(misuse);
    client.advance('opened');
    expect(client.phase).toBe('open');
    for (const event of ['openReceived', 'accepted', 'opened'] as const) {
      expect(thrownBy(() => client.advance(event))).toEqual(misuse);
    }
  });

  it('at the concentrator: embryonic, dialling, open', () => {
    const concentrator = stream('embryonic');
    expect(thrownBy(() => concentrator.advance('accepted'))).toEqual(misuse);
    expect(thrownBy(() => concentrator.advance('opened'))).toEqual(misuse);
    concentrator.advance('openReceived');
    expect(concentrator.phase).toBe('dialling');
    expect(thrownBy(() => concentrator.advance('openReceived'))).toEqual(misuse);
    expect(thrownBy(() => concentrator.advance('opened'))).toEqual(misuse);
    concentrator.advance('accepted');
    expect(concentrator.phase).toBe('open');
  });
});
