import { once } from 'node:events';
import { encodeControl, writeDataHeader } from '../../../shared/protocol/codec/frame.ts';
import { DATA_HEADER_BYTES } from '../../../shared/protocol/codec/wire.ts';
import type { Destination } from '../../../shared/protocol/destination.ts';
import type { Pair } from '../../end-to-end/support/pair.ts';
import { RogueClient } from '../../end-to-end/support/subflow-client.ts';

/** Origins as an attacker has them. */
export interface AttackOrigins {
  /** Takes all. */
  readonly sink: Destination;
  /** Accepts, and reads nothing. */
  readonly stuck: Destination;
  /** Sends as much as it can. */
  readonly endless: Destination;
  /** Sends byte by byte. */
  readonly dripping: Destination;
  /** Nothing listens there. */
  readonly refusing: Destination;
}

export interface MemoryAttack {
  readonly what: string;
  readonly sessions: number;
  /** Sends, until it is done or `isOver`. */
  run(rogue: Rogue, origins: AttackOrigins, isOver: () => boolean): Promise<void>;
}

const ENDLESS_WINDOW = 2 ** 52;
/** Frames that are handed to the socket at once. */
const BATCH_BYTES = 64 * 1024;

/** One session of an attacker. It receipts nothing, unless it is told to. */
export class Rogue {
  readonly client: RogueClient;
  readonly #closed: Promise<unknown>;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;

  private constructor(client: RogueClient) {
    this.client = client;
    this.#closed = once(client.socket, 'close');
  }

  static async connect(pair: Pair, clientId: string): Promise<Rogue> {
    return new Rogue(await RogueClient.connect(pair, pair.identityOf(clientId)));
  }

  get isClosed(): boolean {
    return this.client.socket.destroyed;
  }

  async send(frame: Uint8Array): Promise<void> {
    this.#batch.push(frame);
    this.#batchBytes += frame.length;
    if (this.#batchBytes >= BATCH_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    const { socket } = this.client;
    const isTaken = socket.destroyed || socket.write(Buffer.concat(this.#batch));
    this.#batch = [];
    this.#batchBytes = 0;
    if (!isTaken) await Promise.race([once(socket, 'drain'), this.#closed]);
    else await new Promise((resolve) => setImmediate(resolve));
  }

  async open(streamId: number, destination: Destination): Promise<void> {
    await this.send(
      encodeControl({ ...destination, type: 'open', streamId, limit: ENDLESS_WINDOW, mode: 0 }),
    );
  }

  /** Opens streams from 0 on, and waits until they are answered. */
  async openAll(count: number, destination: Destination): Promise<void> {
    for (let streamId = 0; streamId < count; streamId++) {
      await this.open(streamId, destination);
      if (streamId % 32 !== 31 && streamId !== count - 1) continue;
      await this.flush();
      for (let answered = streamId % 32; answered >= 0; answered--) await this.client.next('opened');
    }
  }

  data(streamId: number, dsn: number, length = 1): Promise<void> {
    const frame = new Uint8Array(DATA_HEADER_BYTES + length);
    writeDataHeader(frame, 0, streamId, dsn, length, false);
    return this.send(frame);
  }

  steering(streamId: number): Promise<void> {
    const frame = { type: 'steering', streamId, generation: 1, mode: 5, maxRttMs: 0, uplinks: [] } as const;
    return this.send(encodeControl({ ...frame, maxLossMillionths: undefined }));
  }
}

const FLOOR = 64 * 1024;

/** What an authenticated client may try so that the concentrator keeps more than it should. */
export const MEMORY_ATTACKS: readonly MemoryAttack[] = [
  {
    what: 'DATA without OPEN, byte by byte and by turns',
    sessions: 4,
    async run(rogue, _origins, isOver) {
      for (let dsn = 0; dsn < FLOOR && !isOver(); dsn++) {
        for (let streamId = 0; streamId < 1_000 && !isOver(); streamId++) await rogue.data(streamId, dsn);
      }
    },
  },
  {
    what: 'STEERING without OPEN',
    sessions: 4,
    async run(rogue) {
      for (let streamId = 0; streamId < 2_047; streamId++) await rogue.steering(streamId);
      await rogue.flush();
    },
  },
  {
    what: 'single bytes with holes between them',
    sessions: 4,
    async run(rogue, { sink }, isOver) {
      await rogue.openAll(64, sink);
      for (let dsn = 1; dsn < 16_000 && !isOver(); dsn += 2) {
        for (let streamId = 0; streamId < 64 && !isOver(); streamId++) await rogue.data(streamId, dsn);
      }
    },
  },
  {
    what: 'single bytes by turns to origins that do not read',
    sessions: 1,
    async run(rogue, { stuck }, isOver) {
      await rogue.openAll(2, stuck);
      for (let dsn = 0; dsn < 200_000 && !isOver(); dsn++) {
        await rogue.data(0, dsn);
        await rogue.data(1, dsn);
      }
    },
  },
  {
    what: 'as much as windows allow to origins that do not read',
    sessions: 8,
    async run(rogue, { stuck }, isOver) {
      await rogue.openAll(32, stuck);
      for (let dsn = 0; dsn < FLOOR && !isOver(); dsn += 4_096) {
        for (let streamId = 0; streamId < 32; streamId++) await rogue.data(streamId, dsn, 4_096);
      }
    },
  },
  {
    what: 'origins without end, and no receipts',
    sessions: 4,
    async run(rogue, { endless }, isOver) {
      rogue.client.socket.pause();
      for (let streamId = 0; streamId < 32; streamId++) await rogue.open(streamId, endless);
      await rogue.flush();
      await untilOver(isOver);
    },
  },
  {
    what: 'origins that send byte by byte, and no receipts',
    sessions: 4,
    async run(rogue, { dripping }, isOver) {
      for (let streamId = 0; streamId < 8; streamId++) await rogue.open(streamId, dripping);
      await rogue.flush();
      await untilOver(isOver);
    },
  },
  {
    what: 'OPENs that are refused, and one byte receipted now and then',
    sessions: 4,
    async run(rogue, { refusing }, isOver) {
      for (let streamId = 0; streamId < 200_000 && !isOver(); streamId++) {
        await rogue.open(streamId, refusing);
        if (streamId % 512 !== 0) continue;
        const entry = { subflowId: 0, delayMicroseconds: 0, bytes: streamId / 512 };
        if (entry.bytes > 0) await rogue.send(encodeControl({ type: 'receipt', entries: [entry] }));
      }
    },
  },
];

async function untilOver(isOver: () => boolean): Promise<void> {
  while (!isOver()) await new Promise((resolve) => setTimeout(resolve, 50));
}
