import type { ErrorName } from '../../shared/protocol/errors.ts';
import type { SessionEvent } from '../../shared/protocol/session/events.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import { Application, type ApplicationSpec } from './application.ts';
import { ChunkKeeper } from './chunk-keeper.ts';
import { VirtualClock } from './clock.ts';
import { End, type EndOptions } from './end.ts';
import { SIDES, type Side, Uplink, type UplinkShape } from './network.ts';
import { PathManager } from './path-manager.ts';
import { Random } from './random.ts';
import { Trace } from './trace.ts';

/** One stream of a run: what both applications do, and what goes wrong on purpose. */
export interface StreamSpec {
  readonly client: ApplicationSpec;
  readonly origin: ApplicationSpec;
  /** How long the concentrator takes to connect to the origin. */
  readonly dialMs: number;
  readonly refusal: ErrorName | undefined;
  readonly reset: { readonly side: Side; readonly afterMs: number } | undefined;
}

export interface WorldOptions {
  readonly seed: number;
  readonly uplinks: readonly UplinkShape[];
  readonly lingerMs?: number;
  readonly maxStreams?: number;
  readonly memoryBytes?: number;
  readonly lagMs?: number;
  readonly measures?: boolean;
  /** How often; by default every 20 ms, a tenth as often as in the runtime, which costs less to simulate. */
  readonly measureIntervalMs?: number;
}

export interface StreamRun {
  readonly spec: StreamSpec;
  readonly openedAtMs: number;
  readonly client: Application;
  origin: Application | undefined;
  isOpened: boolean;
  isRequested: boolean;
  /** It was reset on purpose. */
  mayFail: boolean;
}

/** Things to do in one run; more is a livelock. */
const MAX_STEPS = 5_000_000;

/** Two session cores, the network between them, the applications at both sides, and what must hold. */
export class World {
  readonly clock = new VirtualClock();
  readonly trace = new Trace();
  readonly uplinks: Uplink[];
  readonly ends: Readonly<Record<Side, End>>;
  readonly streams = new Map<number, StreamRun>();
  readonly chunks: ChunkKeeper;
  readonly paths: PathManager;
  /** Whether the client has seen GOAWAY. */
  isGoingAway = false;
  /** How often the client's session has had subflows replaced to find other paths. */
  searches = 0;
  /** All uplinks are gone for longer than the sessions wait. */
  mayLoseSession = false;
  readonly #random: Random;
  readonly #options: WorldOptions;
  #steps = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.chunks = new ChunkKeeper(this.#random.fork());
    this.uplinks = options.uplinks.map((shape) => new Uplink(shape));
    this.ends = { client: this.#makeEnd('client'), concentrator: this.#makeEnd('concentrator') };
    this.ends.client.onEvent = (event) => this.#onClientEvent(event);
    this.ends.concentrator.onEvent = (event) => this.#onConcentratorEvent(event);
    this.paths = new PathManager(this.clock, this.#random.fork(), this.ends.client, this.ends.concentrator);
  }

  /** Dials on every uplink, the first ones first. */
  connect(): void {
    for (const [index, uplink] of this.uplinks.entries()) this.paths.keep(uplink, index * 50);
  }

  /** An uplink that comes up later. */
  addUplink(shape: UplinkShape): void {
    const uplink = new Uplink(shape);
    this.uplinks.push(uplink);
    this.paths.keep(uplink, 0);
  }

  /** @returns undefined when the session takes no new stream */
  openStream(spec: StreamSpec, policy: StreamPolicy = { mode: 'aggregate' }): StreamRun | undefined {
    const { client } = this.ends;
    if (client.session.streams.cannotOpen !== undefined) return undefined;
    const destination = { host: 'origin.example', port: 80 };
    const id = client.input(({ streams }) => streams.open(destination, policy));
    const run: StreamRun = {
      spec,
      openedAtMs: this.clock.nowMs,
      client: this.#makeApplication('client', spec.client, id),
      origin: undefined,
      isOpened: false,
      isRequested: false,
      mayFail: spec.refusal !== undefined || spec.reset !== undefined,
    };
    this.streams.set(id, run);
    // Its first bytes go in the same write as OPEN.
    run.client.start();
    client.wake();
    if (spec.reset !== undefined) this.#resetLater(run, spec.reset);
    return run;
  }

  /** The client changes the policy of a stream, as far as it is open. */
  steer(streamId: number, policy: StreamPolicy): void {
    const { client } = this.ends;
    client.input(({ streams }) => streams.steer(streamId, policy));
    client.wake();
  }

  /** Runs for so long. */
  advance(ms: number): void {
    this.runUntil(() => false, this.clock.nowMs + ms);
  }

  /** Runs until `isDone`, at the latest until `endMs`. @returns whether `isDone` came true */
  runUntil(isDone: () => boolean, endMs: number): boolean {
    while (!isDone()) {
      if (this.#steps++ > MAX_STEPS) throw new Error('more happens than ever should');
      if (!this.clock.step(endMs)) return isDone();
    }
    return true;
  }

  get isSettled(): boolean {
    const { client, concentrator } = this.ends;
    if (client.session.streams.count > 0 || concentrator.session.streams.count > 0) return false;
    for (const run of this.streams.values()) if (!run.client.isSettled) return false;
    return true;
  }

  /** Grows as long as anything gets on. */
  get progress(): number {
    let sum = 0;
    for (const { client, origin } of this.streams.values()) {
      sum += client.consumedBytes + (origin?.consumedBytes ?? 0);
      if (client.isSettled) sum++;
      if (origin?.isSettled === true) sum++;
    }
    return sum;
  }

  /** What to print of a run that failed. */
  describe(): string {
    const lines = [`at ${this.clock.nowMs.toFixed(1)} ms`];
    for (const side of SIDES) {
      const { session, memory, closedBecause } = this.ends[side];
      lines.push(
        `${side}: ${session.streams.count} streams, ${memory.usedBytes} bytes promised, closed: ${closedBecause ?? 'no'}`,
      );
      for (const subflow of session.snapshot().subflows) {
        lines.push(
          `  subflow ${subflow.id} on ${subflow.uplinkName}: ${subflow.state}, ${subflow.duty}, ` +
            `in flight ${subflow.inFlightBytes} of ${Math.round(subflow.inFlightLimitBytes)}, ledger ${subflow.framesUnderWay}, ` +
            `srtt ${subflow.smoothedRttMs.toFixed(1)}, min ${subflow.minRttMs.toFixed(1)}, rate ${Math.round(subflow.bytesPerSecond)}`,
        );
      }
    }
    for (const [id, { client, origin, spec }] of this.streams) {
      if (client.isFinished && origin?.isFinished === true) continue;
      lines.push(
        `  stream ${id}: client ${describeApplication(client)}/${spec.origin.sendBytes}, ` +
          `origin ${origin === undefined ? 'none' : describeApplication(origin)}/${spec.client.sendBytes}`,
      );
    }
    return lines.join('\n');
  }

  #makeEnd(side: Side): End {
    const { lingerMs = 60_000, maxStreams = 1_024, memoryBytes = 64 * 1024 * 1024 } = this.#options;
    const { lagMs = 0, measures = false, measureIntervalMs = 20 } = this.#options;
    const options: EndOptions = {
      side,
      lingerMs,
      maxStreams,
      memoryBytes,
      lagMs,
      measures,
      measureIntervalMs,
    };
    return new End(this.clock, this.#random.fork(), this.trace, options);
  }

  #makeApplication(side: Side, spec: ApplicationSpec, streamId: number): Application {
    const { clock, chunks } = this;
    return new Application({ clock, random: this.#random, end: this.ends[side], chunks }, spec, streamId);
  }

  #onClientEvent(event: SessionEvent): void {
    switch (event.type) {
      case 'stream-opened':
        this.#openedNow(event.streamId);
        break;
      case 'stream-data':
      case 'stream-ended':
        if (!this.streams.get(event.streamId)!.isOpened) {
          throw new Error(`client, stream ${event.streamId}: ${event.type} before stream-opened`);
        }
        this.#toApplication(this.streams.get(event.streamId)!.client, event);
        break;
      case 'stream-failed':
      case 'stream-writable':
        this.#noteStranded(event);
        this.#toApplication(this.streams.get(event.streamId)!.client, event);
        break;
      case 'subflow-replace':
        this.paths.replace(event.subflowId, event.isFailed);
        break;
      case 'subflow-state':
        if (event.state === 'active') this.paths.onRecovered(event.subflowId);
        break;
      case 'subflows-wanted':
        this.paths.want(event.uplinkName, event.count);
        break;
      case 'path-search':
        this.searches++;
        this.paths.search(event.uplinkName, event.extra, event.surplus);
        break;
      case 'subflow-close':
        this.paths.onGone(event.subflowId);
        break;
      case 'going-away':
        this.isGoingAway = true;
        break;
      case 'stream-requested':
        throw new Error('client: stream-requested');
      default:
    }
  }

  /** A stream that is bound to uplinks may be without them for as long as a session may be without any. */
  #noteStranded(event: SessionEvent): void {
    if (event.type !== 'stream-failed' || event.error !== 'uplinksLost' || !this.mayLoseSession) return;
    this.streams.get(event.streamId)!.mayFail = true;
  }

  #openedNow(streamId: number): void {
    const run = this.streams.get(streamId)!;
    if (run.isOpened) throw new Error(`stream ${streamId}: opened twice`);
    run.isOpened = true;
  }

  #onConcentratorEvent(event: SessionEvent): void {
    switch (event.type) {
      case 'stream-requested':
        this.#dialOrigin(event.streamId);
        break;
      case 'stream-data':
      case 'stream-ended':
      case 'stream-writable': {
        const { origin } = this.streams.get(event.streamId)!;
        // The program around the session knows of no stream that was not requested, and would drop it.
        if (origin === undefined) {
          throw new Error(`concentrator, stream ${event.streamId}: ${event.type} before stream-requested`);
        }
        this.#toApplication(origin, event);
        break;
      }
      case 'stream-failed': {
        const { origin } = this.streams.get(event.streamId)!;
        this.#noteStranded(event);
        if (origin !== undefined) this.#toApplication(origin, event);
        break;
      }
      case 'stream-opened':
      case 'subflow-replace':
        break;
      default:
    }
  }

  #toApplication(application: Application, event: SessionEvent): void {
    if (event.type === 'stream-data') application.onData(event.chunk.bytes);
    else if (event.type === 'stream-ended') application.onEnded();
    else if (event.type === 'stream-writable') application.onWritable();
    else if (event.type === 'stream-failed') application.onFailed(event.error);
  }

  #dialOrigin(streamId: number): void {
    const run = this.streams.get(streamId)!;
    if (run.isRequested) throw new Error(`stream ${streamId}: requested twice`);
    run.isRequested = true;
    const origin = this.#makeApplication('concentrator', run.spec.origin, streamId);
    run.origin = origin;
    const { concentrator } = this.ends;
    this.clock.after(run.spec.dialMs, () => {
      if (origin.failure !== undefined) return;
      if (run.spec.refusal !== undefined) {
        origin.giveUp(run.spec.refusal);
        const { refusal } = run.spec;
        concentrator.input(({ streams }) => streams.refuse(streamId, refusal));
      } else {
        concentrator.input(({ streams }) => streams.accept(streamId));
        origin.start();
      }
      concentrator.wake();
    });
  }

  #resetLater(run: StreamRun, { side, afterMs }: { side: Side; afterMs: number }): void {
    this.clock.after(afterMs, () => {
      const application = side === 'client' ? run.client : run.origin;
      if (application === undefined || (side === 'concentrator' && !run.isRequested)) return;
      application.reset('connectionReset');
    });
  }
}

function describeApplication(application: Application): string {
  const { isSendEnded, isReceiveEnded, receivedBytes, consumedBytes, failure } = application;
  const failed = failure === undefined ? '' : ` failed ${failure}`;
  return `sent ${isSendEnded ? 'all' : 'some'}${isReceiveEnded ? ', heard the end' : ''}${failed}, read ${consumedBytes}/${receivedBytes}`;
}
