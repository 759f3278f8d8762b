/** `npm run use-cases`: see options.ts for the command line. */
import type { Bed } from '../bed/bed.ts';
import { whyNoBed } from '../bed/namespace.ts';
import { BED_PLACE } from '../lab/bed-place.ts';
import { interruptible } from '../lab/interruptible.ts';
import { circumstances, writeResults } from '../lab/results.ts';
import { TributarySetup } from '../lab/tributary-setup.ts';
import { HELP, parseOptions, type UseCaseOptions } from './options.ts';
import { reportText } from './report.ts';
import { type Outcome, runUseCase } from './run-use-case.ts';

process.exitCode = await main().catch((error: Error) => {
  console.error(`use-cases: ${error.message}`);
  return 2;
});

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (!options) {
    console.log(HELP);
    return 0;
  }
  if (options.isList) {
    for (const { name, title, requirement } of options.useCases)
      console.log(`${name}: ${title}\n  ${requirement}`);
    return 0;
  }
  const reason = whyNoBed();
  if (reason) throw new Error(`cannot run here: ${reason}`);
  return playAll(options);
}

async function playAll({ useCases, out }: UseCaseOptions): Promise<number> {
  let bed: Bed | undefined;
  let isStopped = false;
  const onBed = (made: Bed) => {
    bed = made;
    if (isStopped) void made.close();
  };
  const outcomes: Outcome[] = [];
  const stop = () => {
    isStopped = true;
    void bed?.close();
  };
  const code = await interruptible(stop, async () => {
    const where = await circumstances();
    const setup = await TributarySetup.create(BED_PLACE);
    const pictures = new Map<string, string>();
    try {
      for (const [index, useCase] of useCases.entries()) {
        console.log(`[${index + 1}/${useCases.length}] ${useCase.name} ...`);
        const played = await runUseCase(useCase, setup, onBed);
        if (isStopped) break;
        outcomes.push(played.outcome);
        for (const [name, svg] of played.pictures) pictures.set(name, svg);
        console.log(reportText(played.outcome));
      }
    } finally {
      await setup.remove();
    }
    console.log(
      `Written: ${await writeResults(out, where, { outcomes }, { pictures })} and pictures beside it`,
    );
  });
  return code || (outcomes.every(({ verdict }) => verdict === 'met') ? 0 : 1);
}
