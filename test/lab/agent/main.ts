/**
 * The program that runs inside the namespaces:
 *
 *   agent origin HOST PORT    serves the workloads until it is killed
 *   agent client JOB          does one ClientJob (JSON), tells its result, ends
 *   agent crowd               begins a conversation for each line of stdin (CrowdLine, JSON), tells how each ended
 *   agent watch URL           reads metrics until its stdin ends, prints what it saw
 */
import { runClient } from './client.ts';
import { runCrowd } from './crowd.ts';
import { serveOrigin } from './origin.ts';
import { watch } from './watch.ts';

const [mode, first = '', second = ''] = process.argv.slice(2);
if (mode === 'origin') serveOrigin(first, Number(second));
else if (mode === 'client') await runClient(JSON.parse(first));
else if (mode === 'crowd') runCrowd();
else if (mode === 'watch') await watch(first);
else {
  process.stderr.write('usage: agent origin HOST PORT | client JOB | crowd | watch URL\n');
  process.exitCode = 2;
}
