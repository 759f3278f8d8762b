/** `npm run use-cases`: see options.ts for the command line. */
import { whyNoBed } from '../bed/namespace.ts';
import { interruptible } from '../lab/interruptible.ts';
import { circumstances, writeResults } from '../lab/results.ts';
import { HELP, parseOptions, type UseCaseOptions } from './options.ts';
import { Player } from './player.ts';

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

async function playAll({ useCases, out, atOnce }: UseCaseOptions): Promise<number> {
  const player = new Player(useCases);
  const code = await interruptible(
    () => player.stop(),
    async () => {
      const where = await circumstances();
      await player.play(atOnce);
      const { outcomes, pictures } = player;
      console.log(
        `Written: ${await writeResults(out, where, { outcomes }, { pictures })} and pictures beside it`,
      );
    },
  );
  return code || (player.outcomes.every(({ verdict }) => verdict === 'met') ? 0 : 1);
}
