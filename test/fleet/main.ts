/** `npm run fleet`: see options.ts for the command line. */
import { interruptible } from '../lab/interruptible.ts';
import { circumstances, writeResults } from '../lab/results.ts';
import { runFleet } from './fleet.ts';
import { type FleetCommand, HELP, parseOptions } from './options.ts';
import type { Recovery } from './recovery.ts';
import { pictures, reportText, WITHOUT_JITTER } from './report.ts';

process.exitCode = await main().catch((error: Error) => {
  console.error(`fleet: ${error.message}`);
  return 2;
});

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options !== undefined) return simulate(options);
  console.log(HELP);
  return 0;
}

async function simulate(options: FleetCommand): Promise<number> {
  const recoveries: Recovery[] = [];
  const code = await interruptible(
    () => {},
    async (isInterrupted) => {
      const where = await circumstances();
      let text = '';
      let file: string | undefined;
      const runs = options.scenarios.flatMap((scenario) =>
        options.jitters.map((jitter) => ({ scenario, jitter })),
      );
      for (const { scenario, jitter } of runs) {
        if (isInterrupted()) break;
        console.log(`${scenario.name}: ${scenario.title}${jitter ? '' : WITHOUT_JITTER} ...`);
        const onProgress = (second: number, of: number) => {
          if (process.stdout.isTTY) process.stdout.write(`\r  ${second} of ${of} virtual seconds `);
        };
        const recovery = await runFleet({ ...options, jitter }, scenario, onProgress, isInterrupted);
        if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
        if (recovery === undefined) break;
        recoveries.push(recovery);
        // Each takes minutes: what there is, is there whatever happens to the next.
        text = reportText(recoveries, options, where);
        const attached = { texts: new Map([['fleet', text]]), pictures: pictures(recoveries) };
        file = await writeResults(options.out, where, { options, recoveries }, attached);
      }
      if (file !== undefined) console.log(`\n${text}\n\nWritten: ${file}, the table and pictures beside it`);
    },
  );
  return code || (recoveries.every(({ allBackMs }) => allBackMs !== undefined) ? 0 : 1);
}
