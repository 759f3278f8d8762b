/** `npm run several`: see options.ts for the command line. */
import { runCommand } from '../lab/command.ts';
import { interruptible } from '../lab/interruptible.ts';
import { circumstances, writeResults } from '../lab/results.ts';
import { FAILOVERS, type FailoverRecord, measureFailover } from './failover.ts';
import { IDLE_CASES, type IdleCost, measureIdle } from './idle.ts';
import { HELP, parseOptions, type SeveralOptions } from './options.ts';
import { pictures, reportText, type SeveralResults } from './report.ts';

await runCommand({ name: 'several', help: HELP, parse: parseOptions, run: measure });

function measure({ parts, seconds, out }: SeveralOptions): Promise<number> {
  return interruptible(
    () => {},
    async (isInterrupted) => {
      const where = await circumstances();
      const failovers: FailoverRecord[] = [];
      const idle: IdleCost[] = [];
      let text = '';
      let file: string | undefined;
      // Each takes a minute: what there is, is there whatever happens to the next.
      const write = async () => {
        const results: SeveralResults = { failovers, idle };
        text = reportText(results, where);
        const attached = { texts: new Map([['several', text]]), pictures: pictures(results) };
        const told = { idle, failovers: failovers.map(({ traffic: _, ...figures }) => figures) };
        file = await writeResults(out, where, told, attached);
      };
      for (const failover of parts.includes('failover') ? FAILOVERS : []) {
        if (isInterrupted()) break;
        failovers.push(await measureFailover(failover));
        await write();
      }
      for (const one of parts.includes('idle') ? IDLE_CASES : []) {
        if (isInterrupted()) break;
        idle.push(await measureIdle(one, seconds));
        await write();
      }
      if (file !== undefined) console.log(`\n${text}\n\nWritten: ${file}, the table and pictures beside it`);
    },
  );
}
