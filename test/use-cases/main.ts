/** `npm run use-cases`: see options.ts for the command line. */
import { runCommand } from '../lab/command.ts';
import { interruptible } from '../lab/interruptible.ts';
import { circumstances, writeResults } from '../lab/results.ts';
import { HELP, parseOptions, type UseCaseOptions } from './options.ts';
import { Player } from './player.ts';

await runCommand({ name: 'use-cases', help: HELP, parse: parseOptions, list: listOf, run: playAll });

function listOf({ isList, useCases }: UseCaseOptions): string | undefined {
  if (!isList) return undefined;
  return useCases.map(({ name, title, requirement }) => `${name}: ${title}\n  ${requirement}`).join('\n');
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
