/** `npm run bench`: see options.ts for the command line. */
import { whyNoBed } from '../bed/namespace.ts';
import { BED_PLACE } from '../lab/bed-place.ts';
import { interruptible } from '../lab/interruptible.ts';
import { TributarySetup } from '../lab/tributary-setup.ts';
import { Bench } from './bench.ts';
import { cSocks } from './contestants/c-socks.ts';
import { kernelMptcp } from './contestants/kernel-mptcp.ts';
import { single } from './contestants/single.ts';
import { tributary, tributaryCubic } from './contestants/tributary.ts';
import { LoopbackBench } from './loopback/loopback.ts';
import { type BenchOptions, HELP, parseOptions } from './options.ts';

process.exitCode = await main();

async function main(): Promise<number> {
  let options: BenchOptions | undefined;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    return fail((error as Error).message);
  }
  if (!options) {
    console.log(HELP);
    return 0;
  }
  const reason = whyNoBed();
  if (reason) return fail(`cannot run here: ${reason}`);
  try {
    return await measure(options);
  } catch (error) {
    return fail((error as Error).message);
  }
}

function measure(options: BenchOptions): Promise<number> {
  let running: Bench | LoopbackBench | undefined;
  const stop = () => void running?.stop();
  return interruptible(stop, async (isInterrupted) => {
    const setup = await TributarySetup.create(BED_PLACE);
    try {
      const kinds = [tributary(setup), tributaryCubic(setup), kernelMptcp, single, cSocks];
      const benches = [
        ...(options.portions.length > 0 ? [new Bench(options, kinds)] : []),
        ...(options.isLoopback ? [new LoopbackBench(options, setup)] : []),
      ];
      for (const bench of benches) {
        if (isInterrupted()) break;
        running = bench;
        await bench.run((line) => console.log(line));
      }
    } finally {
      await setup.remove();
    }
  });
}

function fail(message: string): number {
  console.error(`bench: ${message}`);
  return 2;
}
