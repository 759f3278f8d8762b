/**
 * `npm start`: the pair on this machine with nothing to configure. Makes keys and configurations in a temporary folder with the
 * programs' own set-up commands, runs both, and removes everything at the end. Two loopback source addresses stand for two
 * uplinks; loopback origins are allowed here, and only here.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseDocument } from 'yaml';

const HELP = `Runs tributary-concentrator and tributary-client on this machine.

  npm start                     SOCKS5 on 127.0.0.1:1080
  npm start -- --port 1081      SOCKS5 on another port
  npm start -- --verbose        with debug logs
`;

/** Linux answers on all of 127.0.0.0/8; elsewhere both uplinks share the one loopback address. */
const UPLINK_ADDRESSES =
  process.platform === 'linux' ? ['127.0.0.2', '127.0.0.3'] : ['127.0.0.1', '127.0.0.1'];
const READY_TIMEOUT_MS = 15_000;

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '1080' },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) process.stdout.write(HELP);
else process.exitCode = await main(Number(options.port));

async function main(socksPort: number): Promise<number> {
  if (!Number.isInteger(socksPort) || socksPort < 1 || socksPort > 65_535)
    return fail('--port takes a number from 1 to 65535');
  if (!(await isFree(socksPort))) {
    return fail(
      `port ${socksPort} on 127.0.0.1 is taken; choose another one: npm start -- --port ${socksPort + 1}`,
    );
  }
  const children: ChildProcess[] = [];
  let isStopping = false;
  const stop = () => {
    isStopping = true;
    for (const child of children) child.kill('SIGTERM');
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const folder = await mkdtemp(join(tmpdir(), 'tributary-'));
  try {
    const metrics = { client: await freePort(9101), concentrator: await freePort(9102) };
    const files = await configure(folder, socksPort, metrics);
    if (isStopping) return 0;
    children.push(program('server-concentrator', ['--config', files.concentrator]));
    children.push(program('client-proxy', ['--config', files.client]));
    const exits = children.map(async (child) => once(child, 'exit'));
    const isReady = await Promise.race([
      ready(metrics.client),
      ...exits.map((exit) => exit.then(() => false)),
    ]);
    if (!isReady) {
      const wasAsked = isStopping;
      stop();
      await Promise.all(exits);
      return wasAsked ? 0 : fail('the pair did not come up; see the lines above');
    }
    announce(socksPort, metrics);
    await Promise.race(exits);
    const wasAsked = isStopping;
    stop();
    await Promise.all(exits);
    return wasAsked ? 0 : fail('one of the two programs has ended; see the lines above');
  } catch (error) {
    // Ctrl-C ends the set-up commands, too.
    if (isStopping) return 0;
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Keys, certificate and both configurations, by the programs' own commands. */
async function configure(
  folder: string,
  socksPort: number,
  metrics: { client: number; concentrator: number },
) {
  const address = `127.0.0.1:${await freePort(0)}`;
  const link = await output('server-concentrator', [
    ...['init', '--public', address, '--listen', address],
    ...['--directory', folder, '--client', 'local'],
  ]);
  const concentrator = join(folder, 'tributary-concentrator.yaml');
  await amend(concentrator, {
    egress: { allow: ['127.0.0.0/8', '::1/128'] },
    metrics: { listen: `127.0.0.1:${metrics.concentrator}` },
  });
  const client = join(folder, 'tributary-client.yaml');
  await output(
    'client-proxy',
    ['join', link.trim(), '--config', client, '--socks', `127.0.0.1:${socksPort}`],
    [0, 1],
  );
  await amend(client, {
    uplinks: UPLINK_ADDRESSES.map((source, i) => ({ name: `loopback-${i + 1}`, address: source })),
    metrics: { listen: `127.0.0.1:${metrics.client}` },
  });
  return { concentrator, client };
}

async function amend(file: string, changes: Record<string, unknown>): Promise<void> {
  const document = parseDocument(await readFile(file, 'utf8'));
  for (const [key, value] of Object.entries(changes)) document.set(key, value);
  document.set('log', { level: options.verbose ? 'debug' : 'warn' });
  await writeFile(file, String(document), { mode: 0o600 });
}

function programFile(name: string): string {
  return fileURLToPath(new URL(`../${name}/main.js`, import.meta.url));
}

/** Its own process group, so that Ctrl-C reaches it once, through us, and in order. */
function program(name: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [programFile(name), ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
}

/** What a set-up command prints. `join` exits with 1 on a machine without uplinks; ours are named afterwards. */
async function output(
  name: string,
  args: readonly string[],
  goodCodes: readonly number[] = [0],
): Promise<string> {
  const child = spawn(process.execPath, [programFile(name), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const [code] = await once(child, 'close');
  if (!goodCodes.includes(code)) throw new Error(`${name} ${args[0]} failed:\n${stderr}`);
  return stdout;
}

async function ready(metricsPort: number): Promise<boolean> {
  const limit = AbortSignal.timeout(READY_TIMEOUT_MS);
  while (!limit.aborted) {
    const response = await fetch(`http://127.0.0.1:${metricsPort}/readyz`).catch(() => undefined);
    if (response?.ok) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen({ host: '127.0.0.1', port });
  // `once` rejects when there is an error instead.
  const isListening = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  server.close();
  return isListening;
}

/** `preferred`, or a port that the kernel chooses when that is taken or 0. */
async function freePort(preferred: number): Promise<number> {
  if (preferred !== 0 && (await isFree(preferred))) return preferred;
  const server = createServer().listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function announce(socksPort: number, metrics: { client: number; concentrator: number }): void {
  process.stdout.write(`
Tributary is up: SOCKS5 on 127.0.0.1:${socksPort}, two uplinks (${UPLINK_ADDRESSES.join(' and ')}).

  curl --socks5-hostname 127.0.0.1:${socksPort} https://example.com/

Metrics: http://127.0.0.1:${metrics.client}/metrics (client), http://127.0.0.1:${metrics.concentrator}/metrics (concentrator).
Ctrl-C ends it; connections that are open then get ten seconds, or until a second Ctrl-C.
`);
}

function fail(message: string): number {
  process.stderr.write(`npm start: ${message}\n`);
  return 1;
}
