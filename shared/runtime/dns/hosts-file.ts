import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { MonotonicClock } from '../clock.ts';

/** A change of the file is seen within this time; a stat this seldom costs nothing. */
const CHECK_INTERVAL_MS = 5_000;
/** Ten times the large block lists in use; a larger file is no hosts file and is passed over. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** The names of a hosts(5) file, read anew when it has changed. A file that cannot be read holds no names. */
export class HostsFile {
  readonly #path: string;
  readonly #clock: MonotonicClock;
  #addresses: ReadonlyMap<string, readonly string[]> = new Map();
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  #version = '';
  #loading: Promise<void> | undefined;

  constructor(path: string, clock: MonotonicClock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** The addresses of a lower-case name in the order of the file; empty when it is not listed. */
  async lookup(name: string): Promise<readonly string[]> {
    if (this.#clock() - this.#checkedAtMs >= CHECK_INTERVAL_MS) {
      this.#loading ??= this.#reload().finally(() => {
        this.#loading = undefined;
        this.#checkedAtMs = this.#clock();
      });
      await this.#loading;
    }
    return this.#addresses.get(name) ?? [];
  }

  async #reload(): Promise<void> {
    try {
      const { mtimeMs, size, ino } = await stat(this.#path);
      const version = `${ino} ${mtimeMs} ${size}`;
      if (version === this.#version) return;
      this.#addresses = size > MAX_FILE_BYTES ? new Map() : parseHosts(await readFile(this.#path, 'utf8'));
      this.#version = version;
    } catch {
      this.#addresses = new Map();
      this.#version = '';
    }
  }
}

function parseHosts(text: string): Map<string, string[]> {
  const addresses = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().toLowerCase().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names) {
      const known = addresses.get(name);
      if (!known) addresses.set(name, [address]);
      else if (!known.includes(address)) known.push(address);
    }
  }
  return addresses;
}
