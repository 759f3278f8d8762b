/** `npm run fleet`: see options.ts for the command line. */
import { interruptible } from '../lab/interruptible.ts';
import { circumstances, writeResults } from '../lab/results.ts';
import { runFleet } from './fleet.ts';
import { type FleetCommand, HELP, parseOptions } from './options.ts';
import type { Recovery } from './recovery.ts';
import { pictures, reportText } from './report.ts';

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
      for (const scenario of options.scenarios) {
        if (isInterrupted()) break;
        console.log(`${scenario.name}: ${scenario.title} ...`);
        const onProgress = (second: number, of: number) => {
          if (process.stdout.isTTY) process.stdout.write(`\r  ${second} of ${of} virtual seconds `);
        };
        const recovery = await runFleet(options, scenario, onProgress, isInterrupted);
        if (recovery !== undefined) recoveries.push(recovery);
        if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
      }
      const text = reportText(recoveries, options, where);
      console.log(`\n${text}\n`);
      const attached = { texts: new Map([['fleet', text]]), pictures: pictures(recoveries) };
      const file = await writeResults(options.out, where, { options, recoveries }, attached);
      console.log(`Written: ${file}, the table and pictures beside it`);
    },
  );
  return code || (recoveries.every(({ allBackMs }) => allBackMs !== undefined) ? 0 : 1);
}
