import type { Balancer } from './balancer.ts';
import type { Machine } from './machine.ts';

/** What goes wrong in a fleet. */
export interface FleetScenario {
  readonly name: string;
  readonly title: string;
  /** How many of the machines; all where absent. */
  readonly machines?: number;
  /** `after` does something later. */
  readonly fault: (
    victims: readonly Machine[],
    balancer: Balancer,
    after: (ms: number, work: () => void) => void,
  ) => void;
}

const RESTART_MS = 5_000;

export const FLEET_SCENARIOS: readonly FleetScenario[] = [
  {
    name: 'machine',
    title: 'one machine loses its power',
    machines: 1,
    fault: (victims) => each(victims, (machine) => machine.losePower()),
  },
  {
    name: 'killed',
    title: 'the program of one machine is killed',
    machines: 1,
    fault: (victims) => each(victims, (machine) => machine.kill()),
  },
  {
    name: 'rack',
    title: 'a rack of three machines loses its power',
    machines: 3,
    fault: (victims) => each(victims, (machine) => machine.losePower()),
  },
  {
    name: 'storm',
    title: 'all programs end at once, and are there again after 5 s',
    fault: (victims, _balancer, after) => {
      each(victims, (machine) => machine.kill());
      after(RESTART_MS, () => each(victims, (machine) => machine.start()));
    },
  },
  {
    name: 'balancer',
    title: 'the balancer ends, and is there again after 5 s',
    fault: (_victims, balancer, after) => {
      balancer.stop();
      after(RESTART_MS, () => balancer.start());
    },
  },
];

function each(machines: readonly Machine[], work: (machine: Machine) => void): void {
  for (const machine of machines) work(machine);
}
