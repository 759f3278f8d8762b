import { BUSY_CORE } from './busy-core.ts';
import { FAULTS } from './faults.ts';
import { NETWORKS, type Scenario } from './scenarios.ts';

/** Everything that can be measured in. */
export const SCENARIOS: readonly Scenario[] = [...NETWORKS, ...BUSY_CORE, ...FAULTS];
