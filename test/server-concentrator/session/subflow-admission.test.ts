import { pino } from 'pino';
import { expect, it } from 'vitest';
import {
  SubflowAdmission,
  type SubflowAdmissionOptions,
} from '../../../server-concentrator/session/subflow-admission.ts';
import { ClientHandshake } from '../../../shared/protocol/handshake/client-handshake.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { ProvenSources } from '../../../shared/runtime/admission/proven-sources.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import type {
  SubflowTransport,
  SubflowTransportHandlers,
} from '../../../shared/runtime/subflow/subflow-transport.ts';

const KEY = new Uint8Array(32).fill(7);
const EXPORTER = new Uint8Array(32);

/** A connection that has done TLS and says nothing by itself. */
class Stranger {
  isOpen = true;
  handlers: SubflowTransportHandlers | undefined;
  readonly #address: string;

  constructor(address: string) {
    this.#address = address;
  }

  get transport(): SubflowTransport {
    return {
      remoteAddress: this.#address,
      exporter: EXPORTER,
      setHandlers: (handlers) => {
        this.handlers = handlers;
      },
      write() {},
      destroy: () => {
        if (!this.isOpen) return;
        this.isOpen = false;
        this.handlers?.onClose();
      },
    } as Partial<SubflowTransport> as SubflowTransport;
  }

  /** Says HELLO, as a client with this key. */
  greet(key: Uint8Array): void {
    const { request } = new ClientHandshake({
      crypto: nodeHandshakeCrypto,
      identity: { id: 'laptop', key },
      uplinkName: 'lan',
      backup: false,
      intent: { kind: 'hello' },
      exporter: EXPORTER,
    });
    this.handlers!.onBytes(new OwnBytes(request));
  }
}

function bed(over: Partial<SubflowAdmissionOptions> = {}) {
  const results: string[] = [];
  const crowded: string[] = [];
  const proven = new ProvenSources(() => 0);
  const admission = new SubflowAdmission({
    keysOf: () => [KEY],
    whyNot: () => undefined,
    sessions: { admit: () => 'hello' },
    measure: () => 'measurement',
    proven,
    onResult: (result) => results.push(result),
    onCrowded: (outcome, remote) => crowded.push(`${outcome} ${remote}`),
    clock: () => 0,
    logger: pino({ enabled: false }),
    ...over,
  });
  const come = (address = '192.0.2.1'): Stranger & { readonly settled: Promise<void> } => {
    const stranger = new Stranger(address);
    const settled = admission.admit(stranger.transport, 60_000);
    return Object.assign(stranger, { settled });
  };
  return { admission, results, crowded, proven, come };
}

it('hands a client that proves its key to the sessions, and leaves its connection alone', async () => {
  const { admission, results, come } = bed();
  const client = come();
  client.greet(KEY);
  await client.settled;
  admission.close();
  expect([results, client.isOpen]).toEqual([['hello'], true]);
});

it('disconnects a client with another key', async () => {
  const { results, come } = bed();
  const client = come();
  client.greet(EXPORTER);
  await client.settled;
  expect([results, client.isOpen]).toEqual([['notAuthorized'], false]);
});

it('disconnects a client when an internal error shows, and counts it', async () => {
  const admit = () => {
    throw new Error('a defect');
  };
  const { results, come } = bed({ sessions: { admit } });
  const client = come();
  client.greet(KEY);
  await client.settled;
  expect([results, client.isOpen]).toEqual([['internalError'], false]);
});

it('keeps so many that say nothing, and gives the place of the oldest to one of another network', async () => {
  const { results, crowded, come } = bed({ maxApplicants: 2 });
  const [first, second, third] = [come('10.0.0.1'), come('10.0.1.1'), come('10.0.2.1')];
  await first.settled;
  expect([first, second, third].map(({ isOpen }) => isOpen)).toEqual([false, true, true]);
  third.greet(KEY);
  await third.settled;
  // There is room again.
  come('10.0.3.1');
  expect(second.isOpen).toBe(true);
  expect([results, crowded]).toEqual([['cancelled', 'hello'], ['displaced 10.0.0.1']]);
});

it('gives one source a quarter of the places', async () => {
  const { results, crowded, come } = bed({ maxApplicants: 8 });
  const all = Array.from({ length: 5 }, () => come());
  await Promise.all([all[0]!.settled, all[1]!.settled, all[4]!.settled]);
  // Two in a second give way to others of their source.
  expect(all.map(({ isOpen }) => isOpen)).toEqual([false, false, true, true, false]);
  expect(results.sort()).toEqual(['cancelled', 'cancelled', 'resourceExceeded']);
  expect(crowded).toEqual(['displaced 192.0.2.1', 'displaced 192.0.2.1', 'refused 192.0.2.1']);
});

it('prefers those whose source has proven itself, and learns that from clients alone', async () => {
  const { crowded, proven, come } = bed({ maxApplicants: 2 });
  for (const key of [KEY, EXPORTER]) {
    const client = come(key === KEY ? '10.1.0.1' : '10.1.1.1');
    client.greet(key);
    await client.settled;
  }
  const known = (host: string) => proven.has({ host, network: '' });
  expect([known('10.1.0.1'), known('10.1.1.1')]).toEqual([true, false]);
  come('10.0.0.1');
  const client = come('10.1.0.1');
  come('10.0.2.1');
  expect(client.isOpen).toBe(true);
  expect(crowded).toEqual(['displaced 10.0.0.1']);
});

it('disconnects those that have said nothing when it closes', async () => {
  const { admission, come } = bed();
  const silent = come();
  admission.close();
  await silent.settled;
  expect(silent.isOpen).toBe(false);
});
