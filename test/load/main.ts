/** `npm run load`: see options.ts for the command line. */
import { LOOPBACK_PLACE } from '../bench/loopback/contenders.ts';
import { runCommand } from '../lab/command.ts';
import { interruptible } from '../lab/interruptible.ts';
import { circumstances, writeResults } from '../lab/results.ts';
import { TributarySetup } from '../lab/tributary-setup.ts';
import { contenders } from './contenders.ts';
import { failureCount } from './crowd-load.ts';
import { measureClient } from './measure-client.ts';
import { measureSessions } from './measure-sessions.ts';
import { measureStreams } from './measure-streams.ts';
import { measureWorkers } from './measure-workers.ts';
import { HELP, type LoadOptions, parseOptions } from './options.ts';
import { type LoadResults, pictures, reportText, type StreamRecord } from './report.ts';

await runCommand({ name: 'load', help: HELP, parse: parseOptions, run: measure });

async function measure(options: LoadOptions): Promise<number> {
  let results: LoadResults | undefined;
  let bed: { close(): Promise<void> } | undefined;
  const code = await interruptible(
    () => bed?.close(),
    async (isInterrupted) => {
      const onBed = (one: { close(): Promise<void> }) => {
        bed = one;
        if (isInterrupted()) throw new Error('interrupted');
      };
      const where = await circumstances();
      const setup = await TributarySetup.create(LOOPBACK_PLACE);
      try {
        if (options.client) results = { streams: [], client: await measureClient(setup, onBed) };
        else if (options.workers > 0)
          results = { streams: [], workers: await measureWorkers(setup, options.workers, onBed) };
        else results = await measureAll(setup, options, onBed, isInterrupted);
      } finally {
        await setup.remove();
      }
      const text = reportText(results, where);
      console.log(`\n${text}\n`);
      const texts = new Map([['load', text]]);
      const file = await writeResults(options.out, where, results, { texts, pictures: pictures(results) });
      console.log(`Written: ${file}, the table and pictures beside it`);
    },
  );
  return code || (results && isGood(results) ? 0 : 1);
}

async function measureAll(
  setup: TributarySetup,
  options: LoadOptions,
  onBed: (bed: { close(): Promise<void> }) => void,
  isInterrupted: () => boolean,
): Promise<LoadResults> {
  const streams: StreamRecord[] = [];
  const wanted = contenders(setup).filter(({ name }) => options.contenders.includes(name));
  for (const contender of wanted) {
    if (isInterrupted()) break;
    const missing = contender.missing();
    console.log(missing ? `without ${contender.name}: ${missing}` : `${contender.name} ...`);
    if (missing) continue;
    try {
      const figures = await measureStreams(contender, options, onBed);
      streams.push({ contender: contender.name, figures });
    } catch (error) {
      streams.push({ contender: contender.name, figures: {}, error: (error as Error).message });
    }
  }
  if (options.sessions === 0 || isInterrupted()) return { streams };
  console.log(`${options.sessions} sessions ...`);
  try {
    return { streams, sessions: await measureSessions(setup, options, onBed) };
  } catch (error) {
    return { streams, sessionsError: (error as Error).message };
  }
}

/** Whether nothing failed through the pair; of the others it is only told. */
function isGood({ streams, sessions, sessionsError, workers = [], client = [] }: LoadResults): boolean {
  const ours = streams.filter(({ contender }) => contender === 'tributary');
  return (
    ours.every(({ figures, error }) => error === undefined && failureCount(figures.failures ?? {}) === 0) &&
    sessionsError === undefined &&
    failureCount(sessions?.failures ?? {}) === 0 &&
    [...workers, ...client].every(({ failures }) => failureCount(failures) === 0)
  );
}
