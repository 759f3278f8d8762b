import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SCENARIOS } from '../bench/all-scenarios.ts';
import { FAULTS } from '../bench/faults.ts';
import { HELP } from '../bench/options.ts';
import { NETWORKS } from '../bench/scenarios.ts';
import { WORKLOAD_NAMES } from '../bench/workloads/workload.ts';
import { FAULT_KINDS } from '../chaos/fault-kinds.ts';
import { USE_CASES } from '../use-cases/cases/all.ts';
import { code, projectFile, tableRows } from './markdown.ts';

describe('docs/benchmark.md', async () => {
  const page = await projectFile('docs/benchmark.md');
  const networkNames = NETWORKS.map(({ id, title }) => `${id}: ${title}`);

  it('has every network, with its title', () => {
    expect(tableRows(page, '## Networks').map(([name]) => name)).toEqual(networkNames);
  });

  it.each(NETWORKS.map((network, at) => ({ network, at })))(
    'has the links of $network.id',
    ({ network: { uplinks }, at }) => {
      const links = tableRows(page, '## Networks')[at]![1]!;
      // Numbers in order: of each link its rate, its rate upwards where it differs, round trip, queue, loss.
      const expected = uplinks.flatMap(({ rateMbps, up, rttMs, queueMs, lossPercent }) => [
        rateMbps,
        ...(up?.rateMbps === undefined ? [] : [up.rateMbps]),
        ...[rttMs, queueMs],
        ...(lossPercent ? [lossPercent] : []),
      ]);
      const numbers = (links.match(/\d+(\.\d+)?/g) ?? []).map(Number);
      const isTwice = links.startsWith('twice ');
      expect(isTwice ? [...numbers, ...numbers] : numbers).toEqual(expected);
    },
  );

  it('has every family of faults, and every workload', () => {
    const families = SCENARIOS.map(({ id }) => id.split('/')[0]!).filter((id) => !id.startsWith('E'));
    const named = tableRows(page, '## Faults and changes').map(([name]) => name!);
    expect(named).toHaveLength(new Set(named).size);
    expect(named.sort()).toEqual([...new Set(families)].sort());
    const workloads = tableRows(page, '## Workloads').flatMap(([names]) => names!.match(/[\w-]+/g) ?? []);
    expect(workloads.sort()).toEqual([...WORKLOAD_NAMES].sort());
  });

  it('explains contestants that there are', () => {
    const named = tableRows(page, '## Contestants').map(([name]) => code(name)!);
    const list = HELP.replaceAll(/\s+/g, ' ');
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((name) => !new RegExp(`of: [a-z, -]*\\b${name}\\b[,;]`).test(list))).toEqual([]);
  });

  it('has figures of networks and faults that there are', () => {
    const faults = FAULTS.map(({ id }) => id.split('/').slice(0, 2).join('/'));
    const of = [
      ...tableRows(page, '### Transfers').map(([name]) => name!),
      ...tableRows(page, '### Faults in mid-transfer').map(([name]) => name!),
    ]
      .map((name) => /^[EF]\d(\/E\d)?/.exec(name)?.[0])
      .filter((name) => name !== undefined);
    expect(of.length).toBeGreaterThan(8);
    expect(of.filter((id) => ![...NETWORKS.map((network) => network.id), ...faults].includes(id))).toEqual(
      [],
    );
  });
});

describe('docs/use-cases.md', async () => {
  const page = await projectFile('docs/use-cases.md');

  it('has every use case, in the order in which they are played', () => {
    const named = tableRows(page, '# Use cases').map(([name]) => code(name));
    expect(named).toEqual(USE_CASES.map(({ name }) => name));
  });
});

describe('docs/chaos-and-load.md', async () => {
  const page = await projectFile('docs/chaos-and-load.md');

  it('has every kind of fault', () => {
    const named = tableRows(page, '### Faults').map(([name]) => name);
    expect(named).toEqual(FAULT_KINDS.map(({ name }) => name));
  });
});

it.each(['README.md', 'docs/benchmark.md', 'docs/use-cases.md'])(
  '%s says beside its figures which machine, day, commit and command they are of',
  async (document) => {
    const text = (await projectFile(document)).replaceAll('\n', ' ');
    const measured =
      /[Mm]easured on a [^.]*?\d+ cores.{0,120}Node\.js [\d.]+, on \d{4}-\d\d-\d\d, commit [0-9a-f]{7}/;
    expect(text).toMatch(measured);
    expect(text).toMatch(/npm run (bench|use-cases)/);
    const pictures = [...text.matchAll(/figures\/[a-z-]+\.svg/g)].map(([path]) => `docs/${path}`);
    expect(pictures.length).toBeGreaterThan(0);
    expect(pictures.filter((path) => !existsSync(path))).toEqual([]);
  },
);
