import { join } from 'node:path';
import { test } from 'vitest';
import { parseDocument } from 'yaml';
import { goodputAbove, percent } from '../support/goodput.ts';
import { ROOT } from '../support/program.ts';
import { describeSystem, report } from '../support/system.ts';
import { visit } from '../support/transfer.ts';

const BYTES = 20_000_000;
/** As for downloads (goodput.test.ts). */
const SHARE = 0.9;
const SERVICE_PORT = 8080;
const PUBLISHED_PORT = 443;

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];

describeSystem('a server at home over two paths', { paths, congestionControl: 'cubic' }, (system) => {
  test('its visitor gets the sum of both', async (context) => {
    const { pair, network } = system();
    // The origin's program, as a server in the client's namespace.
    const program = join(ROOT, 'test', 'system', 'support', 'origin.mjs');
    network.client.spawn(process.execPath, [program, '127.0.0.1', String(SERVICE_PORT)], { stdio: 'ignore' });
    const clients = parseDocument(await pair.readClientsFile());
    clients.setIn([0, 'publish'], [PUBLISHED_PORT]);
    await pair.writeClientsFile(String(clients));
    const publish = [{ listen: PUBLISHED_PORT, to: `127.0.0.1:${SERVICE_PORT}` }];
    await pair.amend(pair.clientFile, { publish });
    // The concentrator is the first host of the visitor's network.
    const host = network.origin.address.v4.replace(/\d+$/, '1');
    const possible = network.paths.reduce((sum, path) => sum + path.payloadMbps('up'), 0);
    const boundMbps = SHARE * possible;
    const found = await goodputAbove({ pair, context, bytes: BYTES, boundMbps }, async () => {
      await pair.start();
      await pair.client.untilLog(({ msg }) => msg === 'published at the concentrator', { timeoutMs: 15_000 });
      return visit(pair, `http://${host}:${PUBLISHED_PORT}`, BYTES);
    });
    report(
      `goodput of a visitor: ${found.mbps.toFixed(1)} Mbit/s of ${possible.toFixed(1)} (${percent(found.mbps / possible)}); ` +
        `longest pause ${found.longestPauseMs.toFixed(0)} ms; waited for a processor ${percent(found.cpuWaitShare)} of a second`,
    );
  });
});
