/** `npm run chaos`: see options.ts for the command line. */
import { writeFile } from 'node:fs/promises';
import { BED_PLACE } from '../lab/bed-place.ts';
import { runCommand } from '../lab/command.ts';
import { interruptible } from '../lab/interruptible.ts';
import { circumstances, writeResults } from '../lab/results.ts';
import { TributarySetup } from '../lab/tributary-setup.ts';
import { ChaosRun, type Outcome } from './chaos-run.ts';
import { type ChaosOptions, HELP, parseOptions } from './options.ts';
import { isDoubtful, latenessText, reportText } from './report.ts';

await runCommand({ name: 'chaos', help: HELP, parse: parseOptions, run: runAll });

async function runAll({ seeds, minutes, out }: ChaosOptions): Promise<number> {
  const outcomes: Outcome[] = [];
  /** Of seeds that were played again: to be looked at, and no part of the verdict. */
  const doubtful: Outcome[] = [];
  let run: ChaosRun | undefined;
  const code = await interruptible(
    () => run?.stop(),
    async (isInterrupted) => {
      const where = await circumstances();
      const setup = await TributarySetup.create(BED_PLACE);
      try {
        for (const seed of seeds) {
          if (isInterrupted()) break;
          console.log(`seed ${seed}, ${minutes} min`);
          const play = async () => {
            run = new ChaosRun(seed, minutes, (line) => console.log(line));
            const outcome = await run.run(setup).catch((error: Error) => {
              if (!isInterrupted()) throw new Error(`seed ${seed} could not be played: ${error.message}`);
            });
            if (outcome) console.log(reportText(outcome));
            return outcome;
          };
          let outcome = await play();
          if (outcome && isDoubtful(outcome) && !isInterrupted()) {
            console.log(`  the machine was too busy to judge that (${latenessText(outcome)}): once more`);
            doubtful.push(outcome);
            outcome = await play();
          }
          if (!outcome || isInterrupted()) break;
          outcomes.push(outcome);
        }
      } finally {
        await setup.remove();
      }
      const told = (all: readonly Outcome[]) => all.map(({ output: _, ...rest }) => rest);
      const content = { outcomes: told(outcomes), doubtful: told(doubtful) };
      const file = await writeResults(out, where, content, {});
      const stem = file.replace(/\.json$/, '');
      await writeLogs(stem, outcomes);
      await writeLogs(`${stem}-doubtful`, doubtful);
      console.log(`Written: ${file}`);
    },
  );
  return code || (outcomes.every(({ findings }) => findings.length === 0) ? 0 : 1);
}

/** What the programs said in the seeds that failed. */
async function writeLogs(stem: string, outcomes: readonly Outcome[]): Promise<void> {
  for (const { seed, findings, output } of outcomes) {
    if (findings.length === 0) continue;
    for (const [role, text] of Object.entries(output))
      await writeFile(`${stem}-seed-${seed}-${role}.log`, text);
  }
}
