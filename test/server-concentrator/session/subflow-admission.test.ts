import { pino } from 'pino';
import { expect, it } from 'vitest';
import {
  SubflowAdmission,
  type SubflowAdmissionOptions,
} from '../../../server-concentrator/session/subflow-admission.ts';
import { ClientHandshake } from '../../../shared/protocol/handshake/client-handshake.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
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

  get transport(): SubflowTransport {
    return {
      remoteAddress: '192.0.2.1',
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
  const admission = new SubflowAdmission({
    keysOf: () => [KEY],
    sessions: { admit: () => 'hello' },
    onResult: (result) => results.push(result),
    logger: pino({ enabled: false }),
    ...over,
  });
  const come = (): Stranger & { readonly settled: Promise<void> } => {
    const stranger = new Stranger();
    const settled = admission.admit(stranger.transport, 60_000);
    return Object.assign(stranger, { settled });
  };
  return { admission, results, come };
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

it('keeps so many that say nothing, and gives the place of the oldest to the next', async () => {
  const { results, come } = bed({ maxApplicants: 2 });
  const [first, second, third] = [come(), come(), come()];
  await first.settled;
  expect([first, second, third].map(({ isOpen }) => isOpen)).toEqual([false, true, true]);
  third.greet(KEY);
  await third.settled;
  // There is room again.
  come();
  expect(second.isOpen).toBe(true);
  expect(results).toEqual(['cancelled', 'hello']);
});

it('disconnects those that have said nothing when it closes', async () => {
  const { admission, come } = bed();
  const silent = come();
  admission.close();
  await silent.settled;
  expect(silent.isOpen).toBe(false);
});
