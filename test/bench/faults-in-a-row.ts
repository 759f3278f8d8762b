import { capacity, type FaultStep, type JudgedTime, RECOVERY_MS, rateOf, scenario } from './fault-script.ts';
import { networkById, type Scenario } from './scenarios.ts';

/** One of the faults: it begins, is judged for the time that it lasts, and the network is whole again for a while. */
interface Fault {
  readonly name: string;
  readonly lastsMs: number;
  readonly begin: FaultStep['apply'];
  readonly end: FaultStep['apply'];
  readonly capacityMbps: JudgedTime['capacityMbps'];
}

const SETTLE_MS = 4_000;
/** Between the end of one fault and the begin of the next. */
const WHOLE_MS = 3_000;
const COLLAPSED_MBPS = 1;

/** A black hole, a collapse, a black hole of the other uplink, an interface that goes, and flapping, all within one transfer. */
export function inARow(id: string): Scenario {
  const network = networkById(id);
  const faults = faultsOf(network);
  const steps: FaultStep[] = [];
  const judged: JudgedTime[] = [];
  const wholeMbps: JudgedTime['capacityMbps'] = (direction) => capacity(network, direction);
  let atMs = SETTLE_MS;
  for (const { name, lastsMs, begin, end, capacityMbps } of faults) {
    const endMs = atMs + lastsMs;
    steps.push({ atMs, apply: begin }, { atMs: endMs, apply: end });
    judged.push({ name, fromMs: atMs + RECOVERY_MS, toMs: endMs, capacityMbps });
    atMs = endMs + WHOLE_MS;
    const fromMs = endMs + WHOLE_MS / 2;
    judged.push({ name: `after ${name}`, fromMs, toMs: atMs, capacityMbps: wholeMbps });
  }
  return scenario('F7', network, 'row', 'faults in a row', {
    ...{ steps, transfer: { ms: atMs }, gapsFromMs: SETTLE_MS, judged },
  });
}

function faultsOf(network: Scenario): readonly Fault[] {
  const [one, other] = network.uplinks.map(({ name }) => name) as [string, string];
  const without = (name: string) => (direction: 'up' | 'down') => capacity(network, direction, name);
  return [
    {
      name: 'black hole',
      lastsMs: 5_000,
      begin: (bed) => bed.uplink(one).blackhole(),
      end: (bed) => bed.uplink(one).restore(),
      capacityMbps: without(one),
    },
    {
      name: 'collapse',
      lastsMs: 4_000,
      begin: (bed) =>
        bed.uplink(other).collapse({ rateMbps: COLLAPSED_MBPS, rttMs: bed.uplink(other).spec.rttMs + 400 }),
      end: (bed) => bed.uplink(other).restore(),
      capacityMbps: (direction) => without(other)(direction) + COLLAPSED_MBPS,
    },
    {
      name: 'black hole of the other',
      lastsMs: 4_000,
      begin: (bed) => bed.uplink(other).blackhole(),
      end: (bed) => bed.uplink(other).restore(),
      capacityMbps: without(other),
    },
    {
      name: 'interface gone',
      lastsMs: 4_000,
      begin: (bed) => bed.uplink(one).down(),
      end: (bed) => bed.uplink(one).up(),
      capacityMbps: without(one),
    },
    {
      name: 'flapping',
      // Its first second passes before anything is judged; then holes of 1 s in every 3.
      lastsMs: RECOVERY_MS + 9_000,
      begin: (bed) => bed.uplink(other).holes([2_000, 2_000], [1_000, 1_000]),
      end: (bed) => bed.uplink(other).restore(),
      capacityMbps: (direction) =>
        without(other)(direction) +
        rateOf(network.uplinks.find(({ name }) => name === other)!, direction) * (2 / 3),
    },
  ];
}
