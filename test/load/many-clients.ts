/**
 * Many clients in one process, each with a session of its own: many-clients CONFIG COUNT PORT. Their names are those of
 * {@link clientName}, their SOCKS5 ports follow on PORT, and all else is as in the file. Ends with SIGTERM.
 */
import { pino } from 'pino';
import { assemble } from '../../client-proxy/assemble.ts';
import { aboutConcentrator, type ConfiguredConcentrator } from '../../client-proxy/config/client-config.ts';
import { loadClientConfig } from '../../client-proxy/config/load-client-config.ts';
import { programDeps } from '../../shared/runtime/process/process-deps.ts';
import type { ListenAddress } from '../../shared/runtime/tcp/tcp-listener.ts';
import { clientName } from './client-name.ts';

/** Each asks the system for its interfaces at its start, and waits for the answer. */
const AT_ONCE = 8;

const [file = '', count = '0', port = '0'] = process.argv.slice(2);
const { metrics: _, ...config } = await loadClientConfig(file);
const [only] = config.concentrators as [ConfiguredConcentrator];
const [{ host }] = config.socks.listen as [ListenAddress];
const logged = { logger: pino({ level: 'silent' }), droppedLogLines: () => 0 };
const deps = { ...programDeps(process, logged), stateDirectory: '/nonexistent' };
const waiting = Array.from({ length: Number(count) }, (_, index) => index);
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) await startOne(index);
  }),
);

async function startOne(index: number): Promise<void> {
  const client = { ...only.client, id: clientName(index) };
  const socks = { ...config.socks, listen: [{ host, port: Number(port) + index }] };
  const proxy = await assemble({ ...aboutConcentrator(config, { ...only, client }), socks }, deps);
  await proxy.start();
}
