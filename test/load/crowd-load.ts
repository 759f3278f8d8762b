import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from '../bed/namespace.ts';
import type { Endpoint } from '../lab/agent/job.ts';
import type { Talk, TalkEnd } from '../lab/agent/talk.ts';
import { Crowd, Origin } from '../lab/agents.ts';

/** Where the origin of loads on loopback listens. */
export const LOOPBACK_ORIGIN: Endpoint = { host: '127.0.0.1', port: 8081 };
/** Steps in which conversations begin. */
const STEP_MS = 50;
const LOOK_EVERY_MS = 100;

/** Conversations of many applications with one origin, on loopback. */
export class CrowdLoad {
  readonly #crowd: Crowd;
  readonly #origin: Endpoint;
  readonly #ends = new Map<number, TalkEnd>();

  private constructor(crowd: Crowd, origin: Endpoint) {
    this.#crowd = crowd;
    this.#origin = origin;
    crowd.onTalked((end) => this.#ends.set(end.key, end));
  }

  /** The origin and the applications, one process each. */
  static async start(where: Namespace, origin: Endpoint): Promise<CrowdLoad> {
    await Origin.start(where, origin.host, origin.port);
    return new CrowdLoad(await Crowd.start(where), origin);
  }

  /** Begins so many a second, each through the proxy that `proxyOf` names; resolves when all have begun. */
  async begin(
    talks: readonly Talk[],
    perSecond: number,
    proxyOf: (index: number) => Endpoint,
  ): Promise<void> {
    const perStep = Math.ceil((perSecond * STEP_MS) / 1000);
    for (let from = 0; from < talks.length; from += perStep) {
      for (const [index, talk] of talks.slice(from, from + perStep).entries())
        this.#crowd.begin({ talk, origin: this.#origin, route: { socks: proxyOf(from + index) } });
      await sleep(STEP_MS);
    }
  }

  /** How these ended; those that have not after `limitMs` are missing. */
  async ends(talks: readonly Talk[], limitMs: number): Promise<TalkEnd[]> {
    const limitAtMs = performance.now() + limitMs;
    while (performance.now() < limitAtMs && talks.some(({ key }) => !this.#ends.has(key)))
      await sleep(LOOK_EVERY_MS);
    return talks.flatMap(({ key }) => this.#ends.get(key) ?? []);
  }
}

/** How many of these conversations did not end as they should, by reason. */
export function failures(talks: readonly Talk[], ends: readonly TalkEnd[]): Record<string, number> {
  const found: Record<string, number> = {};
  const byKey = new Map(ends.map((end) => [end.key, end]));
  for (const { key, downBytes } of talks) {
    const reason = failure(byKey.get(key), downBytes);
    if (reason !== undefined) found[reason] = (found[reason] ?? 0) + 1;
  }
  return found;
}

function failure(end: TalkEnd | undefined, downBytes: number): string | undefined {
  if (!end) return 'not over in time';
  if (end.error !== undefined) return end.error;
  if (!end.isExact) return 'wrong bytes';
  // Not every proxy passes on that one direction has ended: what counts here is what came.
  return end.receivedBytes === downBytes ? undefined : 'ended early';
}

/** All failures together. */
export function failureCount(failures: Readonly<Record<string, number>>): number {
  return Object.values(failures).reduce((sum, count) => sum + count, 0);
}
