import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../../support/needs.ts';
import { Modem } from '../support/modem.ts';
import { Network, type Path } from '../support/namespaces.ts';
import type { ConfiguredUplink } from '../support/pair.ts';
import { report } from '../support/system.ts';
import { type Diagnosis, DoctorBed, type ExamineOptions, NAME, saidOf, troublesOf } from './doctor-bed.ts';
import { FAULTS, type Fault } from './faults.ts';

/**
 * Faults are played on two paths of their own each, in so many lanes at a time: a doctor mostly waits. The first path of the network
 * is in no lane, so that the routes of no lane are the ones that the kernel prefers.
 */
const LANES = 6;
const PATHS = ['spare', ...Array.from({ length: 2 * LANES }, (_, i) => `wan${i}`)];

/** All examinations, some at a time: a quarter of it on a machine of its own. */
const BED_TIMEOUT_MS = 180_000;

/** One examination: these faults on the first, and on the second path of a lane. */
interface Case {
  readonly first: readonly string[];
  readonly second: readonly string[];
}

const SINGLE: readonly Case[] = FAULTS.map(({ name }) => ({ first: [name], second: [] }));

/** Two on different uplinks, and two on the same. */
const PAIRS: readonly Case[] = [
  { first: ['no carrier'], second: ['a port that drops'] },
  { first: ['no route'], second: ["a stranger's certificate"] },
  { first: ['a dead name server'], second: ['packets above 1400 that vanish'] },
  { first: ['a port that refuses'], second: ['no address'] },
  { first: ['an unknown key'], second: ['a port that drops'] },
  { first: ['a clock that is wrong'], second: ['a dead name server'] },
  { first: ['strict reverse path filtering'], second: ['no carrier'] },
  { first: ['strict reverse path filtering', 'a port that refuses'], second: [] },
  { first: ['a dead name server', 'a port that drops'], second: [] },
  { first: ['a clock that is wrong', 'packets above 1400 that vanish'], second: [] },
  { first: ["a stranger's certificate", 'an unknown key'], second: [] },
  { first: ['no carrier', 'a clock that is wrong'], second: [] },
  { first: ['UDP that is blocked', 'packets above 1400 that vanish'], second: ['a dead name server'] },
];

/** Networks in which all is well. */
const GOOD: readonly {
  readonly name: string;
  uplinks(network: Network): Promise<Parameters<DoctorBed['examine']>[0]>;
  readonly options?: ExamineOptions;
}[] = [
  { name: 'IPv4 and IPv6', uplinks: async () => byInterface('wan0', 'wan1') },
  {
    name: 'uplinks that are bound to addresses, of either family',
    uplinks: async (network) => [
      { name: 'four', address: network.path('wan0').address.v4 },
      { name: 'six', address: network.path('wan1').address.v6 },
    ],
  },
  { name: 'uplinks that are found', uplinks: async () => ({ auto: false, include: ['wan2', 'wan3'] }) },
  {
    name: 'a router with address translation',
    async uplinks(network) {
      await Modem.plugIn(network, 'modem', 40);
      return byInterface('modem');
    },
  },
  {
    name: 'interfaces that only have to be bound to',
    async uplinks({ client }) {
      await client.ip(4, ['rule del lookup 106', 'rule del lookup 107']);
      return byInterface('wan4', 'wan5');
    },
  },
];

function byInterface(...names: readonly string[]): ConfiguredUplink[] {
  return names.map((name) => ({ name, interface: name }));
}

/** Both paths lead to one bridge, as if two cables went to one switch. */
async function joinLans({ client, concentrator }: Network, one: Path, other: Path): Promise<void> {
  const far = one.address.v4.replace(/\d+$/, '1');
  const own = one.address.v4.replace(/\d+$/, '3');
  await concentrator.ip(4, [
    'link add lan type bridge',
    ...[one, other].flatMap(({ name }) => [`address flush dev ${name}`, `link set dev ${name} master lan`]),
    'link set dev lan up',
    `address add ${far}/24 dev lan`,
  ]);
  await client.ip(4, [
    `address flush dev ${other.name}`,
    `address add ${own}/24 dev ${other.name}`,
    `route replace default via ${far} dev ${other.name} metric 600`,
    `route replace default via ${far} dev ${other.name} table 600`,
    `rule add from ${own} lookup 600`,
  ]);
  await client.routesChanged();
  // What was known before would look as if there were a gateway in each of two LANs.
  await client.exec('ip', ['neighbour', 'flush', 'all']);
}

describe('doctor', { timeout: 180_000, ...needs('network') }, () => {
  let network: Network;
  let bed: DoctorBed;
  const results = new Map<Case, { readonly diagnosis: Diagnosis; readonly paths: readonly [Path, Path] }>();

  beforeAll(async () => {
    const paths = PATHS.map((name) => ({ name, downMbps: 40, upMbps: 40 }));
    network = await Network.create({ paths, congestionControl: 'cubic' });
    bed = await DoctorBed.create(network);
    const waiting = [...SINGLE, ...PAIRS];
    const startMs = performance.now();
    await Promise.all(
      Array.from({ length: LANES }, async (_, lane) => {
        const own = [network.path(`wan${2 * lane}`), network.path(`wan${2 * lane + 1}`)] as const;
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          results.set(next, { paths: own, diagnosis: await play(next, own) });
        }
      }),
    );
    report(`${results.size} examinations in ${((performance.now() - startMs) / 1_000).toFixed(1)} s`);
  }, BED_TIMEOUT_MS);
  afterAll(async () => {
    await bed?.close();
    await network?.close();
  });

  async function play({ first, second }: Case, [one, other]: readonly [Path, Path]): Promise<Diagnosis> {
    const faults = [
      ...first.map((name) => [name, one] as const),
      ...second.map((name) => [name, other] as const),
    ];
    const undo: (() => Promise<unknown>)[] = [];
    const changes: Record<string, unknown> = { 'concentrator.addresses': [`${NAME}:8443`] };
    const env: Record<string, string> = {};
    try {
      for (const [name, path] of faults) {
        const fault = faultOf(name);
        if (fault.inject) undo.push(await fault.inject(network, path));
        Object.assign(changes, fault.changes);
        Object.assign(env, fault.env);
      }
      return await bed.examine([one, other].map(byName), { changes, env });
    } finally {
      for (const each of undo.reverse()) await each();
    }
  }

  it.each([...SINGLE, ...PAIRS])('finds $first on one uplink and $second on the other', (one) => {
    const { diagnosis, paths } = results.get(one)!;
    const global = [...one.first, ...one.second].map(faultOf).filter(({ isGlobal }) => isGlobal);
    for (const [i, names] of [one.first, one.second].entries()) {
      const { name } = paths[i]!;
      const faults = [...new Set([...names.map(faultOf), ...global])];
      const expected = visible(faults);
      expect(troublesOf(diagnosis, name), saidOf(diagnosis, name)).toEqual(
        Object.fromEntries(expected.map(({ check, outcome }) => [check, outcome])),
      );
      for (const { check, remedy } of expected) {
        const found = diagnosis.checks.find((report) => report.uplink === name && report.check === check);
        expect(found?.remedy.join('\n')).toMatch(remedy);
        expect(diagnosis.verdict.remedy.join('\n')).toMatch(remedy);
      }
    }
    expect(diagnosis.exitCode).toBe(1);
  });

  it.each(GOOD)('finds nothing wrong with $name', async ({ uplinks, options }) => {
    const diagnosis = await bed.examine(await uplinks(network), options);
    const names = [...new Set(diagnosis.checks.map(({ uplink }) => uplink))];
    for (const name of names) expect(troublesOf(diagnosis, name), saidOf(diagnosis, name)).toEqual({});
    expect(diagnosis.verdict).toMatchObject({ outcome: 'ok', words: ['all is well'], remedy: [] });
    expect(diagnosis.exitCode).toBe(0);
  });

  it('leaves a metered uplink in peace unless it is asked', async () => {
    const uplinks = [{ name: 'lte', interface: 'wan0', metered: {} }];
    const [unasked, asked] = [
      await bed.examine(uplinks),
      await bed.examine(uplinks, { args: ['--metered'] }),
    ];
    const outcomes = ({ checks }: Diagnosis) =>
      checks.filter(({ check }) => check === 'download' || check === 'upload').map(({ outcome }) => outcome);
    expect([outcomes(unasked), unasked.exitCode]).toEqual([['skipped', 'skipped'], 0]);
    expect([outcomes(asked), asked.exitCode]).toEqual([['ok', 'ok'], 0]);
  });

  it('leaves a client that runs in peace, and no session behind', async () => {
    const { pair } = bed;
    await pair.startClient(pair.byInterface(['wan0', 'wan1']));
    await pair.untilUp(['wan0', 'wan1']);
    const since = pair.client.log.length;
    const hellos = () => pair.concentrator.metric('tributary_handshakes_total', { result: 'hello' });
    const before = await hellos();
    const diagnosis = await bed.examine(pair.byInterface(['wan0', 'wan1']));
    expect(diagnosis.exitCode, saidOf(diagnosis, 'wan0')).toBe(0);
    expect((await pair.concentrator.status()).sessions).toHaveLength(1);
    const lost = pair.client.log.slice(since).filter(({ msg }) => msg === 'subflow lost');
    expect(lost).toEqual([]);
    // One for each uplink, to try UDP.
    expect((await hellos()) - before).toBe(2);
    await pair.stopClient();
  });

  it('finds the port, certificate and firewall of the concentrator in order, and a firewall that closes the port', async () => {
    const outcomes = async () => {
      const { checks } = await bed.examineConcentrator();
      const wanted = ['port', 'firewall', 'certificate', 'clients'];
      return wanted.map((name) => checks.find(({ check }) => check === name)?.outcome);
    };
    expect(await outcomes()).toEqual(['ok', 'ok', 'ok', 'ok']);
    const { concentrator } = network;
    const rules = 'iifname "lo" accept; tcp dport 22 accept;';
    const input = `table inet closed { chain in { type filter hook input priority 0; policy drop; ${rules} }; }\n`;
    await concentrator.exec('nft', ['-f', '-'], { input });
    expect(await outcomes()).toEqual(['ok', 'warning', 'ok', 'ok']);
    await concentrator.exec('nft', ['delete', 'table', 'inet', 'closed']);
    await bed.pair.concentrator.stop();
    expect(await outcomes()).toEqual(['failed', 'ok', 'ok', 'ok']);
    await bed.pair.startConcentrator();
  });

  it('finds two interfaces in one LAN', async () => {
    await joinLans(network, network.path('wan0'), network.path('wan1'));
    const diagnosis = await bed.examine(bed.pair.byInterface(['wan0', 'wan1']));
    for (const name of ['wan0', 'wan1']) {
      const found = diagnosis.checks.find(({ uplink, check }) => uplink === name && check === 'arp');
      expect(found, saidOf(diagnosis, name)).toMatchObject({ outcome: 'warning' });
      expect(found?.remedy.join()).toMatch(/arp_/);
    }
    expect(diagnosis.exitCode).toBe(1);
  });

  /** The uplink as the name server at its far end is asked through it. */
  function byName({ name, address }: Path): ConfiguredUplink {
    const far = address.v4.replace(/\d+$/, '1');
    return { name, interface: name, nameServers: [far] };
  }
});

function faultOf(name: string): Fault {
  return FAULTS.find((fault) => fault.name === name)!;
}

/** Behind a check that has failed, nothing is seen. */
function visible(faults: readonly Fault[]): Fault[] {
  const inOrder = [...faults].sort((one, other) => FAULTS.indexOf(one) - FAULTS.indexOf(other));
  const end = inOrder.findIndex(({ outcome }) => outcome === 'failed');
  return end < 0 ? inOrder : inOrder.slice(0, end + 1);
}
