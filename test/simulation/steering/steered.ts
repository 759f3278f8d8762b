import type { StreamPolicy } from '../../../shared/protocol/steering/steering-policy.ts';
import type { Side } from '../network.ts';
import { download, eager } from '../steady.ts';
import type { StreamRun, StreamSpec, World } from '../world.ts';

/** What an end has sent over each uplink, everything included, since it was asked last. */
export class Usage {
  readonly #world: World;
  readonly #side: Side;
  #before = new Map<string, number>();

  constructor(world: World, side: Side = 'concentrator') {
    this.#world = world;
    this.#side = side;
    this.take();
  }

  /** Bytes by uplink. */
  take(): Record<string, number> {
    const now = new Map<string, number>();
    for (const { shape, links } of this.#world.uplinks) {
      const { carriedBytes } = this.#side === 'client' ? links.up : links.down;
      now.set(shape.name, carriedBytes);
    }
    const taken = Object.fromEntries(
      [...now].map(([name, bytes]) => [name, bytes - (this.#before.get(name) ?? 0)]),
    );
    this.#before = now;
    return taken;
  }

  /** The share of one uplink in all bytes, 0 to 1. */
  shareOf(name: string): number {
    const taken = this.take();
    const all = Object.values(taken).reduce((sum, bytes) => sum + bytes, 0);
    return all === 0 ? 0 : taken[name]! / all;
  }
}

/** A request, and an answer without end at a steady rate, as music or video comes. */
export function streaming(megabitsPerSecond: number, everyMs = 20): StreamSpec {
  const chunkBytes = megabitsPerSecond * 125 * everyMs;
  const origin = eager(1_000_000_000, {
    sendsAfterPeer: true,
    writePauseMs: everyMs,
    chunkBytes,
    isEven: true,
  });
  return { ...download(0), origin };
}

export function open(world: World, spec: StreamSpec, policy: StreamPolicy): StreamRun {
  return world.openStream(spec, policy)!;
}
