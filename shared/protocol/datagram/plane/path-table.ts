import { TOKEN_BYTES } from '../../codec/datagram-message.ts';
import type { Now } from '../../now.ts';
import type { Role } from '../../role.ts';
import type { Uplink } from '../../uplink/uplink.ts';
import type { Uplinks } from '../../uplink/uplinks.ts';
import { DatagramPath } from '../path/datagram-path.ts';
import { PathRecords } from '../path/path-record.ts';
import { PathReceiver } from '../receive/path-receiver.ts';
import type { DatagramTuning } from './datagram-tuning.ts';

/** Numbers of paths are one byte. */
const PATH_NUMBERS = 256;
/** Paths of a session at a time: as many as subflows. Each costs a look at every datagram, and a copy in mode `redundant`. */
export const MAX_PATHS = 32;

/** One number of a path: what this end sends there, if it may, and what has come. It lasts as long as the session, as its counters do. */
export interface PathEnd {
  readonly id: number;
  readonly receiver: PathReceiver;
  /** Undefined while the number is not in use, or its uplink not known. */
  path: DatagramPath | undefined;
  /** The newest keys that the peer has used there. */
  epoch: number;
  /** The uplink that had the number last. */
  uplinkName: string | undefined;
  nextCounter: number;
  /**
   * Concentrator: bytes that may be sent there before the peer has shown that it is where they go: no more than have come, so that nobody
   * can be made to flood a third one. Infinite where it has.
   */
  allowanceBytes: number;
  /** Concentrator: what the peer has to repeat for that. It cannot be guessed, and is another one for each address. */
  token: Uint8Array | undefined;
  /** Client: what the next feedback on the path is to repeat. */
  peersToken: Uint8Array | undefined;
  /** Of the packet that it came in. */
  peersTokenCounter: number;
}

export interface PathTableOptions {
  readonly role: Role;
  readonly now: Now;
  readonly tuning: DatagramTuning;
  readonly uplinks: Pick<Uplinks, 'addPath' | 'removePath'>;
}

/** The paths of a session by their numbers. */
export class PathTable {
  /** What the paths of each uplink have met since the session began. */
  readonly records = new PathRecords();
  /** Concentrator: what tokens are made of; there are no paths before it is known. */
  randomBytes: ((count: number) => Uint8Array) | undefined;
  readonly #options: PathTableOptions;
  readonly #ends: (PathEnd | undefined)[] = [];
  #inUse: readonly PathEnd[] = [];
  #paths: readonly DatagramPath[] = [];

  constructor(options: PathTableOptions) {
    this.#options = options;
  }

  /** Those that have a path. */
  get inUse(): readonly PathEnd[] {
    return this.#inUse;
  }

  get paths(): readonly DatagramPath[] {
    return this.#paths;
  }

  get(id: number): PathEnd | undefined {
    return this.#ends[id];
  }

  /** The end of this number, which begins to count if it is new. */
  known(id: number): PathEnd {
    let end = this.#ends[id];
    if (end === undefined) {
      const { now, tuning } = this.#options;
      const receiver = new PathReceiver(now, tuning.datagramFeedback);
      end = {
        id,
        receiver,
        path: undefined,
        epoch: 0,
        uplinkName: undefined,
        nextCounter: 1,
        allowanceBytes: 0,
        token: undefined,
        peersToken: undefined,
        peersTokenCounter: 0,
      };
      this.#ends[id] = end;
    }
    return end;
  }

  /** A number that is free, rather one that this uplink has had before; undefined while there are MAX_PATHS. */
  freeFor(uplinkName: string): number | undefined {
    if (this.#inUse.length >= MAX_PATHS) return undefined;
    let free: number | undefined;
    for (let id = 0; id < PATH_NUMBERS; id++) {
      const end = this.#ends[id];
      if (end?.path !== undefined) continue;
      if (end?.uplinkName === uplinkName) return id;
      // One that was never in use needs nothing to be forgotten at the other end.
      if (free === undefined || (end === undefined && this.#ends[free] !== undefined)) free = id;
    }
    return free;
  }

  /** The number has a new path from now on. */
  begin(end: PathEnd, uplink: Uplink): DatagramPath {
    const { role, now, tuning, uplinks } = this.#options;
    this.end(end);
    const record = this.records.of(uplink.name);
    const path = new DatagramPath(end.id, uplink, now, tuning.datagramPath, end.nextCounter, record);
    end.path = path;
    uplinks.addPath(uplink, path.use);
    // The client sends where it wants to.
    end.allowanceBytes = role === 'client' ? Number.POSITIVE_INFINITY : 0;
    end.token = this.randomBytes?.(TOKEN_BYTES);
    end.peersToken = undefined;
    end.uplinkName = uplink.name;
    this.#refresh();
    return path;
  }

  /** Concentrator: of too many paths that goes on which nothing has come for the longest time. */
  makeRoom(): void {
    if (this.#inUse.length < MAX_PATHS) return;
    this.end(
      this.#inUse.reduce((oldest, end) =>
        end.receiver.largestAtMs < oldest.receiver.largestAtMs ? end : oldest,
      ),
    );
  }

  /** The number has no path from now on; its counter goes on with the next. */
  end(end: PathEnd): void {
    if (end.path === undefined) return;
    const { nextCounter, uplink, use } = end.path;
    end.nextCounter = nextCounter;
    end.path = undefined;
    this.#options.uplinks.removePath(uplink, use);
    this.#refresh();
  }

  /** The peer has repeated this on the path. @returns whether it hears what is sent there */
  confirm(end: PathEnd, repeated: Uint8Array | undefined): boolean {
    const { token } = end;
    if (token === undefined || repeated === undefined) return false;
    if (!token.every((byte, i) => byte === repeated[i])) return false;
    end.allowanceBytes = Number.POSITIVE_INFINITY;
    end.token = undefined;
    return true;
  }

  #refresh(): void {
    this.#inUse = this.#ends.filter((end): end is PathEnd => end?.path !== undefined);
    this.#paths = this.#inUse.flatMap(({ path }) => path ?? []);
  }
}

/** Whether no more may be sent there than has come: the peer has not shown that it is at its address. */
export function isBounded({ allowanceBytes }: PathEnd): boolean {
  return allowanceBytes < Number.POSITIVE_INFINITY;
}
