/*
 * UDP of applications that know of no proxy: on a machine behind the client (support/lan.ts), and on the client's own. The
 * client's own rules for TPROXY lead it to the client.
 */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Namespace } from '../bed/namespace.ts';
import { eachWholeLine } from '../bed/whole-lines.ts';
import { DirectOrigin } from './support/direct-origin.ts';
import { LAN_INTERFACE, Lan } from './support/lan.ts';
import { ROOT } from './support/program.ts';
import { AS_NOBODY, REDIRECT_PORT, TRANSPARENT, transparent } from './support/redirection.ts';
import { describeSystem } from './support/system.ts';

const PORTS = [5300, 5301] as const;
const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 40, upMbps: 40 },
];
describeSystem('redirected datagrams', { paths, congestionControl: 'cubic' }, (system) => {
  let lan: Lan;
  let echo: ChildProcess;
  let publicOrigin: DirectOrigin;
  beforeAll(async () => {
    const { network, pair } = system();
    lan = await Lan.create(network);
    const { v4, v6 } = network.origin.address;
    publicOrigin = await DirectOrigin.start(network);
    const hosts = [v4, v6, publicOrigin.hosts[0]!];
    const places = PORTS.flatMap((port) => hosts.flatMap((host) => [host, String(port)]));
    const program = join(ROOT, 'test', 'system', 'support', 'udp-echo.mjs');
    echo = network.origin.spawn(process.execPath, [program, ...places], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve) => eachWholeLine(echo.stdout!, () => resolve()));
    await pair.amend(pair.concentratorFile, { egress: { allow: [`${v4}/32`, `${v6}/128`] } });
    await pair.amend(pair.clientFile, { transparent: TRANSPARENT });
    await pair.start();
    await transparent(pair, '--apply', '--lan', LAN_INTERFACE, '--local', '--tproxy', '--udp');
  });
  afterAll(async () => {
    echo?.kill();
    publicOrigin?.stop();
    await lan?.close();
  });

  /** Asks from there, and answers what has come back from each place. */
  const ask = async (place: Namespace, host: string, runner: readonly string[] = []) => {
    const program = join(ROOT, 'test', 'system', 'support', 'udp-ask.mjs');
    const places = PORTS.flatMap((port) => [host, String(port)]);
    const [command, ...args] = [...runner, process.execPath, program, '10', ...places];
    const output = await place.exec(command!, args);
    return output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { from: string; text: string })
      .sort((one, other) => one.from.localeCompare(other.from));
  };

  test.each(['v4', 'v6'] as const)('of a machine behind the client, by %s', async (family) => {
    const { network } = system();
    const host = network.origin.address[family];
    const answers = await ask(lan.machine, host);
    expect(answers.map(({ from }) => from)).toEqual(PORTS.map((port) => `${host} ${port}`));
    // From the concentrator, from one port, whatever the destination.
    const peers = new Set(answers.map(({ text }) => text.split(' ')[0]));
    expect([...peers]).toEqual([host.replace(/[^.:]+$/, '1')]);
  });

  test('of this machine, but for the client itself', async () => {
    const { network } = system();
    const host = network.origin.address.v4;
    const answers = await ask(network.client, host, AS_NOBODY);
    expect(answers.map(({ from }) => from)).toEqual(PORTS.map((port) => `${host} ${port}`));
  });

  test('past the concentrator, from one port of an uplink: by a rule, by the fallback, and without any server', async () => {
    const { network, pair } = system();
    const host = publicOrigin.hosts[0]!;
    const own = network.paths.map(({ address }) => address.v4);
    const peers = async () => {
      const answers = await ask(lan.machine, host);
      expect(answers.map(({ from }) => from)).toEqual(PORTS.map((port) => `${host} ${port}`));
      return [...new Set(answers.map(({ text }) => text.split(' ')[0]))];
    };
    expect(await peers()).toEqual([network.origin.address.v4.replace(/\d+$/, '1')]);
    const rule = { protocol: 'udp', cidr: `${host}/32`, direct: 'wan1' };
    await pair.reload('client', { steering: { rules: [rule] } });
    expect(await peers()).toEqual([own[1]]);
    const { client } = pair;
    expect(await client.metric('tributary_datagram_decisions_total', { action: 'direct' })).toBeGreaterThan(
      0,
    );

    await pair.reload('client', { steering: {}, fallback: { to: 'direct', after: '1s' } });
    pair.concentrator.signal('SIGKILL');
    await pair.concentrator.exited;
    await client.untilLog(({ msg }) => msg.includes('(fallback)'), { timeoutMs: 20_000 });
    const [peer, ...others] = await peers();
    expect([own.includes(peer ?? ''), others]).toEqual([true, []]);

    await pair.stopClient();
    await pair.amend(pair.clientFile, { mode: 'direct', fallback: 'none', steering: {} });
    await pair.startClient();
    await pair.client.untilLog(({ msg }) => msg === 'client proxy is up', { timeoutMs: 30_000 });
    expect((await peers()).filter((one) => !own.includes(one!))).toEqual([]);
  });

  test('what is sent to the listener itself is dropped', async () => {
    const { pair, network } = system();
    const loops = () => pair.client.metric('tributary_datagram_drops_total', { reason: 'loop' });
    const before = await loops();
    await network.client
      .exec(process.execPath, [
        join(ROOT, 'test', 'system', 'support', 'udp-ask.mjs'),
        ...['1', '127.0.0.1', String(REDIRECT_PORT)],
      ])
      .catch(() => {});
    expect((await loops()) - before).toBeGreaterThan(0);
  });
});
