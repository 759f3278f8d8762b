import { parseArgs } from 'node:util';
import type { FleetOptions } from './fleet.ts';
import { FLEET_SCENARIOS, type FleetScenario } from './scenarios.ts';

/** What the command line asks for. */
export interface FleetCommand extends Omit<FleetOptions, 'jitter'> {
  readonly scenarios: readonly FleetScenario[];
  /** Each scenario once for each. */
  readonly jitters: readonly boolean[];
  readonly out: string;
}

const NAMES = FLEET_SCENARIOS.map(({ name }) => name);

export const HELP = `Simulates a fleet of concentrators behind a load balancer, and what happens to its clients when it fails, in virtual time.
The sessions, handshakes, limits and back-off are those of the programs; sockets, TLS and the balancer are simulated.

  npm run fleet                             10,000 clients, ten machines, all of: ${NAMES.join(', ')}; a quarter of an hour
  npm run fleet -- --scenario rack          one of them; can be repeated
  npm run fleet -- --clients 500 --machines 4
  npm run fleet -- --cores 8                of each machine: 1 unless told
  npm run fleet -- --handshake-ms 0.8       processor time of a handshake of TLS with HELLO or JOIN: 1 unless told
  npm run fleet -- --handshakes-per-second 800
                                            limits.handshakesPerSecond of each machine: 400 unless told
  npm run fleet -- --share-address          all clients behind one address of each provider, as with CGNAT
  npm run fleet -- --no-jitter              the clients' back-off is not drawn by chance
  npm run fleet -- --compare-jitter         each scenario twice, with chance and without
  npm run fleet -- --seed 7                 another run: 1 unless told
  npm run fleet -- --seconds 60             of virtual time after the fault at most: 30 unless told; it ends 3 s after all uplinks are back
  npm run fleet -- --out FOLDER             where JSON, table and pictures go: fleet-results unless told

Ends with 1 when clients are not back at the end.
`;

/** Reads the command line; undefined when help was asked for. Throws an Error that says what is wrong. */
export function parseOptions(args: readonly string[]): FleetCommand | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: 'string', multiple: true, default: [] },
      clients: { type: 'string', default: '10000' },
      machines: { type: 'string', default: '10' },
      cores: { type: 'string', default: '1' },
      'handshake-ms': { type: 'string', default: '1' },
      'handshakes-per-second': { type: 'string', default: '400' },
      'share-address': { type: 'boolean', default: false },
      'no-jitter': { type: 'boolean', default: false },
      'compare-jitter': { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      seconds: { type: 'string', default: '30' },
      out: { type: 'string', default: 'fleet-results' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  for (const name of values.scenario)
    if (!NAMES.includes(name)) throw new Error(`no scenario "${name}"; there are ${NAMES.join(', ')}`);
  const machines = whole('machines', values.machines, 4, 100);
  return {
    scenarios: FLEET_SCENARIOS.filter(
      ({ name }) => values.scenario.length === 0 || values.scenario.includes(name),
    ),
    clients: whole('clients', values.clients, 1, 50_000),
    machines,
    cores: whole('cores', values.cores, 1, 256),
    handshakeMs: number('handshake-ms', values['handshake-ms'], 0.01, 1_000),
    handshakesPerSecond: whole('handshakes-per-second', values['handshakes-per-second'], 20, 100_000),
    shareAddress: values['share-address'],
    jitters: values['compare-jitter'] ? [true, false] : [!values['no-jitter']],
    seed: whole('seed', values.seed, 0, 0xffff_ffff),
    seconds: whole('seconds', values.seconds, 1, 3_600),
    out: values.out,
  };
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = number(name, text, least, most);
  if (!Number.isInteger(value)) throw new Error(`--${name} ${text}: expected a whole number`);
  return value;
}

function number(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most))
    throw new Error(`--${name} ${text}: expected ${least} to ${most}`);
  return value;
}
