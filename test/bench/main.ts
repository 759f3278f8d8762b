/** `npm run bench`: see options.ts for the command line. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bed } from '../bed/bed.ts';
import { whyNoBed } from '../bed/namespace.ts';
import { cSocks } from './contestants/c-socks.ts';
import type { ContestantKind } from './contestants/contestant.ts';
import { kernelMptcp } from './contestants/kernel-mptcp.ts';
import { single } from './contestants/single.ts';
import { tributary } from './contestants/tributary.ts';
import { TributarySetup } from './contestants/tributary-setup.ts';
import { type BenchOptions, HELP, parseOptions } from './options.ts';
import { expectedMs, type Group, plan } from './plan.ts';
import { type RunRecord, runGroup } from './run-group.ts';

process.exitCode = await main();

async function main(): Promise<number> {
  let options: BenchOptions | undefined;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`bench: ${(error as Error).message}`);
    return 2;
  }
  if (!options) {
    console.log(HELP);
    return 0;
  }
  const reason = whyNoBed();
  if (reason) {
    console.error(`bench: cannot run here: ${reason}`);
    return 2;
  }
  const setup = await TributarySetup.create();
  try {
    return await bench(options, setup);
  } finally {
    await setup.remove();
  }
}
async function bench(options: BenchOptions, setup: TributarySetup): Promise<number> {
  const kinds: ContestantKind[] = [tributary(setup), kernelMptcp, single, cSocks];
  const groups = plan(options, options.scenarios, options.workloads, kinds.filter(({name}) => !options.contestants || options.contestants.includes(name)));
  const records: RunRecord[] = [];
  let bed: Bed | undefined;
  for (const group of groups) {
    console.log(describe(group), Math.round(expectedMs(group, options.seconds)/1000));
    const found = await runGroup(group, options.seconds, (one) => { bed = one; });
    for (const r of found) console.log(r.workload, JSON.stringify(r.figures), r.error ?? '', r.emulatorLateUs);
    records.push(...found);
  }
  await mkdir(options.out, {recursive: true});
  await writeFile(join(options.out, 'x.json'), JSON.stringify(records));
  return bed ? 0 : 1;
}
function describe({ scenario, hosts, contestant, repetition }: Group): string {
  return `${scenario.id} ${hosts} ${contestant.name} #${repetition}`;
}
