/**
 * Many clients in one process, each with a session of its own: many-clients CONFIG COUNT PORT. Their names are those of
 * {@link clientName}, their SOCKS5 ports follow on PORT, and all else is as in the file. Ends with SIGTERM.
 */
import { pino } from 'pino';
import { assemble } from '../../client-proxy/assemble.ts';
import { aboutConcentrator, type ConfiguredConcentrator } from '../../client-proxy/config/client-config.ts';
import { loadClientConfig } from '../../client-proxy/config/load-client-config.ts';
import { type NetworkSource, THIS_MACHINE } from '../../client-proxy/network/network-reader.ts';
import { programDeps } from '../../shared/runtime/process/process-deps.ts';
import type { ListenAddress } from '../../shared/runtime/tcp/tcp-listener.ts';
import { clientName } from './client-name.ts';

const [file = '', count = '0', port = '0'] = process.argv.slice(2);
const { metrics: _, ...config } = await loadClientConfig(file);
const [only] = config.concentrators as [ConfiguredConcentrator];
const [{ host }] = config.socks.listen as [ListenAddress];
const logged = { logger: pino({ level: 'silent' }), droppedLogLines: () => 0 };
// Each would start `ip` several times: with a large process to fork, that takes a third of a second for each client.
const network = { source: askedOnce(THIS_MACHINE), monitor: () => ({ isWatching: true, stop() {} }) };
const deps = { ...programDeps(process, logged), network, stateDirectory: '/nonexistent' };
for (let index = 0; index < Number(count); index++) await startOne(index);

async function startOne(index: number): Promise<void> {
  const client = { ...only.client, id: clientName(index) };
  const socks = { ...config.socks, listen: [{ host, port: Number(port) + index }] };
  const proxy = await assemble({ ...aboutConcentrator(config, { ...only, client }), socks }, deps);
  await proxy.start();
}

/** Nothing changes where these clients are. */
function askedOnce(source: NetworkSource): NetworkSource {
  const answers = new Map<string, ReturnType<NetworkSource['runIp']>>();
  return {
    ...source,
    runIp(args, input = '') {
      const question = JSON.stringify([args, input]);
      const answer = answers.get(question) ?? source.runIp(args, input);
      answers.set(question, answer);
      return answer;
    },
  };
}
