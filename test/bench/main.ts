/** `npm run bench`: see options.ts for the command line. */
import { whyNoBed } from '../bed/namespace.ts';
import { Bench } from './bench.ts';
import { cSocks } from './contestants/c-socks.ts';
import { kernelMptcp } from './contestants/kernel-mptcp.ts';
import { single } from './contestants/single.ts';
import { BED_PLACE, tributary, tributaryCubic } from './contestants/tributary.ts';
import { TributarySetup } from './contestants/tributary-setup.ts';
import { LoopbackBench } from './loopback/loopback.ts';
import { type BenchOptions, HELP, parseOptions } from './options.ts';

/** What a shell says of a program that an interrupt ended. */
const INTERRUPTED = 130;
/** npm passes on an interrupt that the terminal has sent here, too: what follows this soon is the same one. */
const ECHO_MS = 1_000;

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
    return await interruptible(options);
  } catch (error) {
    return fail((error as Error).message);
  }
}

/** Runs to the end or to an interrupt. */
async function interruptible(options: BenchOptions): Promise<number> {
  let isInterrupted = false;
  let running: Bench | LoopbackBench | undefined;
  let interruptedAtMs = 0;
  const interrupt = () => {
    const now = performance.now();
    // The emulator removes the bed when this process is gone.
    if (isInterrupted && now - interruptedAtMs > ECHO_MS) process.exit(INTERRUPTED);
    if (isInterrupted) return;
    isInterrupted = true;
    interruptedAtMs = now;
    console.log('stopping; once more ends it at once');
    void running?.stop();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt);
  const setup = await TributarySetup.create(BED_PLACE);
  try {
    const kinds = [tributary(setup), tributaryCubic(setup), kernelMptcp, single, cSocks];
    const benches = [
      ...(options.portions.length > 0 ? [new Bench(options, kinds)] : []),
      ...(options.isLoopback ? [new LoopbackBench(options, setup)] : []),
    ];
    for (const bench of benches) {
      if (isInterrupted) break;
      running = bench;
      await bench.run((line) => console.log(line));
    }
  } finally {
    await setup.remove();
  }
  return isInterrupted ? INTERRUPTED : 0;
}

function fail(message: string): number {
  console.error(`bench: ${message}`);
  return 2;
}
