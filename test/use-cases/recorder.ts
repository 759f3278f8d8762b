import { type Octets, Traffic } from './traffic.ts';

/** Something that counts bytes. */
export interface Source {
  readonly name: string;
  read(): Promise<Octets>;
}

const EVERY_MS = 50;

/** Reads counters again and again until it is stopped. */
export class Recorder {
  readonly traffic: Traffic;
  readonly #sources: readonly Source[];
  readonly #clock: () => number;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(sources: readonly Source[], clock: () => number) {
    this.#sources = sources;
    this.#clock = clock;
    this.traffic = new Traffic(sources.map(({ name }) => name));
  }

  /** `clock` tells milliseconds since the beginning of the record. */
  static async start(sources: readonly Source[], clock: () => number): Promise<Recorder> {
    const recorder = new Recorder(sources, clock);
    await recorder.#look();
    recorder.#running = recorder.#run();
    // `stop` tells.
    recorder.#running.catch(() => {});
    return recorder;
  }

  /** Takes a last look. Rejects when the counters could not be read. */
  async stop(): Promise<void> {
    if (!this.#isStopped) {
      this.#isStopped = true;
      await this.#running;
      await this.#look();
    }
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      if (!this.#isStopped) await this.#look();
    }
  }

  async #look(): Promise<void> {
    const octets = await Promise.all(this.#sources.map((source) => source.read()));
    this.traffic.add(this.#clock(), octets);
  }
}
