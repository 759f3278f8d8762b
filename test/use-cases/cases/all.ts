import type { UseCase } from '../use-case.ts';
import { manyPaths, onePath } from './data-centre.ts';
import { fireEngine } from './fire-engine.ts';
import { hotPlug } from './hot-plug.ts';
import { firstThenSecond } from './hybrid-access.ts';
import { map } from './map.ts';
import { redundant } from './redundant.ts';
import { makeBeforeBreak } from './siri.ts';
import { streaming } from './streaming.ts';

/** In the order in which they are played. */
export const USE_CASES: readonly UseCase[] = [
  makeBeforeBreak,
  fireEngine,
  map,
  streaming,
  firstThenSecond,
  onePath,
  manyPaths,
  redundant,
  hotPlug,
];
