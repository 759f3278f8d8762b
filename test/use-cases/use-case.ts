import type { Bed, BedOptions } from '../bed/bed.ts';
import type { Direction } from '../bed/emulator.ts';
import type { Changes } from '../lab/tributary-setup.ts';
import type { Check } from './check.ts';
import type { Scene } from './scene.ts';

/** A situation in which several uplinks are to be of use, and what must hold in it. */
export interface UseCase {
  /** `siri`, or with a variant `siri/break-before-make`. */
  readonly name: string;
  readonly title: string;
  /** What must hold, in words. */
  readonly requirement: string;
  readonly bed: BedOptions;
  /** What the client's configuration has beyond addresses and keys. */
  readonly client: Changes;
  readonly concentrator?: Changes;
  /** Uplinks that must carry a subflow before it begins. */
  readonly isUp: readonly string[];
  /** It judges single round trips, in which another use case that is played beside it would show. */
  readonly isAlone?: boolean;
  /** Directions of which a picture is drawn. */
  readonly drawn: readonly Direction[];
  /** Completes the network before the programs start. */
  prepare?(bed: Bed): Promise<void>;
  /** Plays it and answers what was found. */
  play(scene: Scene): Promise<readonly Check[]>;
}
