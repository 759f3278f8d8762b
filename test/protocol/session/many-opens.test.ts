import { expect, it } from 'vitest';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { MAX_EMBRYOS } from '../../../shared/protocol/session/embryos.ts';
import type { SessionEvent } from '../../../shared/protocol/session/events.ts';
import type { Session } from '../../../shared/protocol/session/session.ts';
import { MAX_CONTROL_PER_TURN } from '../../../shared/protocol/session/transmitter.ts';
import { CountingChunk } from '../support.ts';
import { ManySubflows, SUBFLOWS } from './many-subflows.ts';

const STREAMS = 2 * MAX_CONTROL_PER_TURN + 2 * MAX_EMBRYOS;
const ORIGIN = { host: 'origin.example', port: 443 };

it('streams that begin together, with their first bytes at once, are all opened', () => {
  const pair = new Pair();
  // Paths that are known to take much at once.
  pair.open(1_000_000);
  pair.run(500);
  pair.events.length = 0;
  for (let i = 0; i < STREAMS; i++) pair.open(1);
  pair.run(20);
  const countOf = (type: string) => pair.events.filter((event) => event.type === type).length;
  expect(['stream-requested', 'stream-data', 'stream-failed'].map(countOf)).toEqual([STREAMS, STREAMS, 0]);
});

/** A client and a concentrator, with a millisecond from one to the other. */
class Pair {
  readonly events: SessionEvent[] = [];
  readonly #client = new ManySubflows(2 * STREAMS, 'client').session;
  readonly #concentrator = new ManySubflows(2 * STREAMS).session;
  #nowMs = 0;

  open(bytes: number): void {
    const { streams } = this.#client;
    streams.write(streams.open(ORIGIN, { mode: 'aggregate' }), new CountingChunk(new Uint8Array(bytes)));
  }

  run(ms: number): void {
    for (const endMs = this.#nowMs + ms; this.#nowMs < endMs; this.#nowMs++) {
      const said = this.#say(this.#client);
      const answered = this.#say(this.#concentrator);
      for (const [id, bytes] of said) this.#concentrator.receive(id, bytes);
      for (const [id, bytes] of answered) this.#client.receive(id, bytes);
    }
  }

  /** What one end has to say now, by subflow. */
  #say(session: Session): Map<number, OwnBytes> {
    session.advance(this.#nowMs);
    session.flush();
    for (let event = session.nextEvent(); event !== undefined; event = session.nextEvent()) {
      this.events.push(event);
      if (event.type === 'stream-requested') session.streams.accept(event.streamId);
      if (event.type === 'stream-data') session.streams.consumed(event.streamId, event.chunk.bytes.length);
    }
    const said = new Map<number, OwnBytes>();
    for (let id = 0; id < SUBFLOWS; id++) {
      const output = session.subflows.takeOutput(id);
      if (output.length === 0) continue;
      said.set(id, new OwnBytes(Buffer.concat(output)));
      session.subflows.setWritable(id, true);
    }
    return said;
  }
}
