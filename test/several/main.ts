/** `npm run several`: see options.ts for the command line. */
import { runCommand } from '../lab/command.ts';
import { interruptible } from '../lab/interruptible.ts';
import { circumstances, writeResults } from '../lab/results.ts';
import { measureFailovers } from './failover.ts';
import { measureIdle } from './idle.ts';
import { HELP, parseOptions, type SeveralOptions } from './options.ts';
import { pictures, reportText, type SeveralResults } from './report.ts';

await runCommand({ name: 'several', help: HELP, parse: parseOptions, run: measure });

function measure({ parts, seconds, out }: SeveralOptions): Promise<number> {
  return interruptible(
    () => {},
    async (isInterrupted) => {
      const where = await circumstances();
      const results: SeveralResults = {
        failovers: parts.includes('failover') ? await measureFailovers(isInterrupted) : [],
        idle: parts.includes('idle') ? await measureIdle(seconds, isInterrupted) : [],
      };
      const text = reportText(results, where);
      console.log(`\n${text}\n`);
      const attached = { texts: new Map([['several', text]]), pictures: pictures(results) };
      const told = {
        idle: results.idle,
        failovers: results.failovers.map(({ traffic: _, ...figures }) => figures),
      };
      console.log(
        `Written: ${await writeResults(out, where, told, attached)}, the table and pictures beside it`,
      );
    },
  );
}
