import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { compiled } from './compile.ts';
import { eachWholeLine } from './whole-lines.ts';

/** `up` is client to concentrator, `down` the other way. */
export type Direction = 'up' | 'down';

/** What one direction of a link does to packets. */
export interface DirectionSettings {
  /** Mbit/s of IP packets. */
  rateMbps: number;
  /** Propagation delay one way. */
  delayMs: number;
  /** Drop-tail queue, in time at `rateMbps`. */
  queueMs: number;
  /** Random loss of each MTU packet, 0 to 100. */
  lossPercent: number;
  /** Largest deviation from `delayMs` to either side; it drifts, so that packets keep their order. */
  jitterMs: number;
  /** Each packet draws its own jitter and may overtake others. */
  reorder: boolean;
}

/** Counters of one direction since the bed was made. Packets are MTU packets, bytes those of IP packets. */
export interface DirectionStats {
  packetsIn: number;
  bytesIn: number;
  packetsOut: number;
  bytesOut: number;
  droppedByQueue: number;
  droppedByLoss: number;
  /** Also those that were too large, see `limitPackets`. */
  droppedByBlackhole: number;
  /** The receiving interface was down. */
  droppedByDevice: number;
  queueBytes: number;
  maxQueueBytes: number;
  /** How late the emulator itself was: a run with large values measured the machine, not the link. */
  maxLateUs: number;
  meanLateUs: number;
}

/** An emulator that takes longer to answer hangs. */
const ANSWER_TIMEOUT_MS = 5_000;
/** For the kernel to take down namespaces with all that is in them. */
const EXIT_TIMEOUT_MS = 15_000;

interface Pending {
  resolve(words: string[]): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

/** The emulator process: owns the bed's namespaces and devices, and removes them when its stdin ends, however that happens. */
export class Emulator {
  readonly #child: ChildProcess;
  readonly #pending: Pending[] = [];
  #stderr = '';
  #gone: Error | undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-2000);
    });
    child.stdin?.on('error', () => {});
    child.on('error', (error) => this.#fail(error));
    child.on('exit', (code, signal) =>
      this.#fail(new Error(`link emulator ended (${signal ?? code}): ${this.#stderr}`)),
    );
    if (child.stdout) eachWholeLine(child.stdout, (line) => this.#answered(line));
  }

  /** Starts the process; `seed` decides loss, jitter and random pauses. */
  static async start(seed: number): Promise<Emulator> {
    // Its own session: an interrupt at the terminal reaches the owner only, whose end the emulator then notices.
    const child = spawn(await compiled('emulator'), [String(seed)], { detached: true, stdio: 'pipe' });
    const emulator = new Emulator(child);
    try {
      await emulator.#answer();
    } catch (error) {
      await emulator.close();
      throw error;
    }
    return emulator;
  }

  /** Names of the bed's namespaces are made of this pid, which is how leftovers of dead emulators are found. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Creates both TUN devices of a link; answers its index for the other commands. */
  async link(name: string, clientNamespace: string, concentratorNamespace: string): Promise<number> {
    const [index] = await this.#command(`link ${name} ${clientNamespace} ${concentratorNamespace}`);
    return Number(index);
  }

  async set(
    link: number,
    direction: Direction,
    settings: DirectionSettings,
    queueBytes: number,
  ): Promise<void> {
    const { rateMbps, delayMs, lossPercent, jitterMs, reorder } = settings;
    const values = [
      rateMbps * 1e6,
      ns(delayMs),
      queueBytes,
      lossPercent / 100,
      ns(jitterMs),
      reorder ? 1 : 0,
    ];
    await this.#command(`set ${link} ${side(direction)} ${values.join(' ')}`);
  }

  async hole(link: number, direction: Direction, open: boolean): Promise<void> {
    await this.#command(`hole ${link} ${side(direction)} ${open ? 1 : 0}`);
  }

  async limit(link: number, direction: Direction, packetBytes: number): Promise<void> {
    await this.#command(`limit ${link} ${side(direction)} ${packetBytes}`);
  }

  async pause(link: number, direction: Direction, lengthMs: number): Promise<void> {
    await this.#command(`pause ${link} ${side(direction)} ${ns(lengthMs)}`);
  }

  async pauses(link: number, gapMs: [min: number, max: number], lengthMs: [min: number, max: number]) {
    await this.#command(`pauses ${link} ${[...gapMs, ...lengthMs].map(ns).join(' ')}`);
  }

  async holes(link: number, gapMs: [min: number, max: number], lengthMs: [min: number, max: number]) {
    await this.#command(`holes ${link} ${[...gapMs, ...lengthMs].map(ns).join(' ')}`);
  }

  async stats(link: number, direction: Direction): Promise<DirectionStats> {
    const words = await this.#command(`stats ${link} ${side(direction)}`);
    const at = (index: number) => Number(words[index] ?? Number.NaN);
    return {
      packetsIn: at(0),
      bytesIn: at(1),
      packetsOut: at(2),
      bytesOut: at(3),
      droppedByQueue: at(4),
      droppedByLoss: at(5),
      droppedByBlackhole: at(6),
      droppedByDevice: at(7),
      queueBytes: at(8),
      maxQueueBytes: at(9),
      maxLateUs: at(10) / 1000,
      meanLateUs: at(11) / 1000,
    };
  }

  /** Ends the process, and with it the namespaces, the devices in them and every process inside. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined)
      return;
    const exited = once(this.#child, 'exit');
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), EXIT_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }

  async #command(line: string): Promise<string[]> {
    if (this.#gone) throw this.#gone;
    this.#child.stdin?.write(`${line}\n`);
    return this.#answer();
  }

  #answer(): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#fail(new Error(`link emulator did not answer within ${ANSWER_TIMEOUT_MS} ms`)),
        ANSWER_TIMEOUT_MS,
      );
      this.#pending.push({ resolve, reject, timer });
    });
  }

  #answered(line: string): void {
    const pending = this.#pending.shift();
    if (!pending) return;
    clearTimeout(pending.timer);
    if (line.startsWith('ok')) pending.resolve(line.split(' ').slice(1));
    else pending.reject(new Error(`link emulator: ${line}`));
  }

  #fail(error: Error): void {
    this.#gone ??= error;
    for (const pending of this.#pending.splice(0)) {
      clearTimeout(pending.timer);
      pending.reject(this.#gone);
    }
  }
}

function side(direction: Direction): 0 | 1 {
  return direction === 'up' ? 0 : 1;
}

function ns(ms: number): number {
  return Math.round(ms * 1e6);
}
