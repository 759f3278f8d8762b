import { keepRecent } from '../../../shared/runtime/keep-recent.ts';

/** Hosts that are remembered; the one that was used least recently is forgotten first. */
const MAX_HOSTS = 4_096;

/** Which uplink each host was last reached over: sites with sessions expect their visitors at one address. */
export class StickyUplinks {
  readonly #lifeMs: number;
  readonly #hosts = new Map<string, { readonly uplink: string; readonly usedMs: number }>();

  /** @param lifeMs how long after its last use; 0: nothing is remembered */
  constructor(lifeMs: number) {
    this.#lifeMs = lifeMs;
  }

  uplinkOf(host: string, nowMs: number): string | undefined {
    const known = this.#hosts.get(host);
    if (known === undefined) return undefined;
    if (nowMs - known.usedMs <= this.#lifeMs) return known.uplink;
    this.#hosts.delete(host);
    return undefined;
  }

  use(host: string, uplink: string, nowMs: number): void {
    if (this.#lifeMs > 0) keepRecent(this.#hosts, host, { uplink, usedMs: nowMs }, MAX_HOSTS);
  }
}
