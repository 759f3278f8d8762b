import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Namespace, run } from '../../bed/namespace.ts';
import type { Pair } from './pair.ts';
import { Program, ROOT } from './program.ts';
import { untilListening } from './until-listening.ts';

/** How many machines deploy/haproxy/haproxy.cfg has. */
const MACHINES = 3;
const FIRST_SUBNET = 201;
const PORT = 8443;
const METRICS_PORT = 9102;
/** Between two sessions there is a moment without one, and a longer one on a busy machine. */
const HOME_LIMIT_MS = 20_000;
export const BALANCER = '/usr/sbin/haproxy';

/** A concentrator of a fleet, in a namespace of its own. */
export interface Machine {
  /** As HAProxy knows it. */
  readonly name: string;
  readonly namespace: Namespace;
  readonly configFile: string;
  program: Program;
}

/**
 * Three concentrators behind HAProxy, which has the address of the pair's concentrator and stands in its namespace. The way to
 * each machine leads through there, so that a client can also reach it at its own address.
 */
export class Fleet {
  readonly machines: readonly Machine[];
  readonly #pair: Pair;
  readonly #folder: string;
  #balancer: ChildProcess | undefined;

  private constructor(pair: Pair, folder: string, machines: readonly Machine[]) {
    this.#pair = pair;
    this.#folder = folder;
    this.machines = machines;
  }

  /** @param changes of the configuration of a machine, by its name and address */
  static async start(pair: Pair, changes: (name: string, address: string) => object): Promise<Fleet> {
    const { concentrator, origin } = pair.network;
    const folder = await mkdtemp(join(tmpdir(), 'tributary-fleet-'));
    await concentrator.sysctl({ 'net.ipv4.ip_forward': 1 });
    const machines: Machine[] = [];
    const fleet = new Fleet(pair, folder, machines);
    try {
      for (let i = 0; i < MACHINES; i++) {
        const name = `c${i + 1}`;
        const subnet = `10.78.${FIRST_SUBNET + i}`;
        const address = { v4: `${subnet}.2`, v6: '' };
        const namespace = new Namespace(concentrator.name.replace(/concentrator$/, name), address);
        await run('ip', ['netns', 'add', namespace.name]);
        await namespace.ip(4, ['link set lo up']);
        await concentrator.ip(4, [
          `link add ${name} type veth peer name lan netns ${namespace.name}`,
          `link set dev ${name} up`,
          `address add ${subnet}.1/24 dev ${name}`,
        ]);
        await namespace.ip(4, [
          'link set dev lan up',
          `address add ${address.v4}/24 dev lan`,
          `route add default via ${subnet}.1`,
        ]);
        await origin.ip(4, [`route add ${subnet}.0/24 via 10.78.254.1`]);
        const configFile = await fleet.#configure(name, address.v4, `${subnet}.1`, changes);
        machines.push({ name, namespace, configFile, program: await begin(namespace, configFile) });
      }
      await fleet.#balance();
      return fleet;
    } catch (error) {
      await fleet.close();
      throw error;
    }
  }

  /** The one that has the client's session, as soon as there is one; not `gone`, which may not have noticed yet that it lost it. */
  async home(gone?: Machine): Promise<Machine> {
    for (const endMs = performance.now() + HOME_LIMIT_MS; performance.now() < endMs; await sleep(100)) {
      for (const machine of this.machines.filter((each) => each !== gone)) {
        const { sessions = [] } = await machine.program.status().catch(() => ({ sessions: [] }));
        if (sessions.length > 0) return machine;
      }
    }
    throw new Error(`no machine has a session within ${HOME_LIMIT_MS} ms`);
  }

  /** Starts its program again. */
  async restart(machine: Machine): Promise<void> {
    machine.program = await begin(machine.namespace, machine.configFile);
  }

  /** Nothing comes from it or gets to it any more, until `renew`. */
  async cut({ name }: Machine): Promise<void> {
    await this.#pair.network.concentrator.ip(4, [`link set dev ${name} down`]);
  }

  /** Is reached and runs, and has no sessions from before. */
  async renew(machine: Machine): Promise<void> {
    await this.#pair.network.concentrator.ip(4, [`link set dev ${machine.name} up`]);
    machine.program.signal('SIGKILL');
    await machine.program.exited;
    await this.restart(machine);
  }

  async close(): Promise<void> {
    this.#balancer?.kill('SIGKILL');
    for (const { program, namespace } of this.machines) {
      await program.stop();
      await run('ip', ['netns', 'del', namespace.name]);
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #configure(
    name: string,
    address: string,
    balancer: string,
    changes: (name: string, address: string) => object,
  ): Promise<string> {
    const { concentratorFile } = this.#pair;
    // All have the certificate and the clients of the pair's concentrator.
    const file = join(dirname(concentratorFile), `${name}.yaml`);
    await writeFile(file, await readFile(concentratorFile), { mode: 0o600 });
    await this.#pair.amend(file, {
      listen: [`${address}:${PORT}`],
      balancers: [balancer],
      metrics: { listen: `0.0.0.0:${METRICS_PORT}` },
      ...changes(name, address),
    });
    return file;
  }

  /** HAProxy with the configuration that we hand out, and the addresses of this network. */
  async #balance(): Promise<void> {
    const { concentrator } = this.#pair.network;
    let text = await readFile(join(ROOT, 'deploy', 'haproxy', 'haproxy.cfg'), 'utf8');
    for (const [i, { namespace }] of this.machines.entries())
      text = text.replace(`10.0.0.1${i + 1}:`, `${namespace.address.v4}:`);
    text = text.replace('bind :::8443 v4v6', `bind ${concentrator.address.v4}:${PORT}`);
    const file = join(this.#folder, 'haproxy.cfg');
    await writeFile(file, text);
    await concentrator.exec(BALANCER, ['-c', '-f', file]);
    this.#balancer = concentrator.spawn(BALANCER, ['-db', '-f', file], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await untilListening(concentrator, PORT);
  }
}

async function begin(namespace: Namespace, configFile: string): Promise<Program> {
  const program = new Program(namespace, 'server-concentrator', configFile, METRICS_PORT);
  await program.untilLog(({ msg }) => msg === 'concentrator is up');
  return program;
}
