/** `npm run bench`: see options.ts for the command line. */
import { BED_PLACE } from '../lab/bed-place.ts';
import { runCommand } from '../lab/command.ts';
import { interruptible } from '../lab/interruptible.ts';
import { Bench } from './bench.ts';
import { checkoutsOf, withVersions } from './comparison/checkouts.ts';
import { cSocks } from './contestants/c-socks.ts';
import { kernelMptcp } from './contestants/kernel-mptcp.ts';
import { single } from './contestants/single.ts';
import { tributary, tributaryCubic } from './contestants/tributary.ts';
import { DatagramBench } from './datagrams/datagram-bench.ts';
import { LoopbackBench } from './loopback/loopback.ts';
import { type BenchOptions, HELP, parseOptions } from './options.ts';

type AnyBench = Bench | LoopbackBench | DatagramBench;

await runCommand({ name: 'bench', help: HELP, parse: parseOptions, run: measure });

async function measure(options: BenchOptions): Promise<number> {
  const checkouts = await checkoutsOf(options);
  let running: AnyBench | undefined;
  const stop = () => void running?.stop();
  return interruptible(stop, async (isInterrupted) => {
    const run = async (bench: AnyBench) => {
      if (isInterrupted()) return;
      running = bench;
      await bench.run((line) => console.log(line));
    };
    if (options.portions.length > 0)
      await withVersions(BED_PLACE, checkouts, (versions) => {
        const pairs = [tributary, tributaryCubic].flatMap((kind) => versions.map(kind));
        return run(new Bench(options, [...pairs, kernelMptcp, single, cSocks], checkouts));
      });
    if (options.isLoopback) await run(new LoopbackBench(options, checkouts));
    if (options.isDatagrams) await run(new DatagramBench(options, checkouts));
  });
}
