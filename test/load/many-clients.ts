/**
 * Many clients in one process, each with a session of its own: many-clients CONFIG COUNT PORT. Their names are those of
 * {@link clientName}, their SOCKS5 ports follow on PORT, and all else is as in the file. Ends with SIGTERM.
 */
import { assemble } from '../../client-proxy/assemble.ts';
import { loadClientConfig } from '../../client-proxy/config/load-client-config.ts';
import { programDeps } from '../../shared/runtime/process/process-deps.ts';
import { clientName } from './client-name.ts';

const [file = '', count = '0', port = '0'] = process.argv.slice(2);
const { metrics: _, ...config } = await loadClientConfig(file);
const deps = { ...programDeps(process, config.log), stateDirectory: '/nonexistent' };
for (let index = 0; index < Number(count); index++) {
  const proxy = await assemble(
    {
      ...config,
      client: { ...config.client, id: clientName(index) },
      socks: { ...config.socks, listen: { ...config.socks.listen, port: Number(port) + index } },
    },
    deps,
  );
  await proxy.start();
}
