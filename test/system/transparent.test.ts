/*
 * Applications that know of no proxy: on a machine behind the client (support/lan.ts), and on the client's own.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { LAN_INTERFACE, Lan, ROUTER } from './support/lan.ts';
import { Origin } from './support/origin.ts';
import { SOCKS } from './support/pair.ts';
import { ROOT } from './support/program.ts';
import {
  AS_NOBODY,
  dropAllBut,
  dropNothing,
  REDIRECT_PORT,
  ruleOfPage,
  TRANSPARENT,
  transparent,
} from './support/redirection.ts';
import { describeSystem, expectWhole } from './support/system.ts';
import { download } from './support/transfer.ts';

/** Of a server on the client's machine. */
const OWN_PORT = 8099;
const BODY_BYTES = 3_000_000;
const SLACK_BYTES = 400_000;
/** Of curl: the connection was reset, or ended, before an answer; 7 where the reset comes before curl has looked at it, 55 before it asks. */
const CURL_NO_ANSWER = [7, 35, 52, 55, 56];
/** Somebody else's rules, which have to stay as they are. */
const OTHER_RULES =
  'table inet other { chain forward { type filter hook forward priority 0; policy accept; }; }\n';

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 40, upMbps: 40 },
];
describeSystem('redirected connections', { paths, congestionControl: 'cubic' }, (system) => {
  let lan: Lan;
  let origin6: Origin;
  beforeAll(async () => {
    const { network, pair } = system();
    lan = await Lan.create(network);
    const { v4, v6 } = network.origin.address;
    origin6 = await Origin.start(network, 8081, v6);
    await network.client.exec('nft', ['-f', '-'], { input: OTHER_RULES });
    await pair.amend(pair.concentratorFile, {
      egress: { allow: [`${v4}/32`, `${v6}/128`] },
      congestionControl: 'cubic',
      metrics: { listen: '127.0.0.1:9102' },
    });
    await pair.amend(pair.clientFile, { transparent: TRANSPARENT });
    await pair.start();
  });
  afterEach(() => transparent(system().pair, '--remove'));
  afterAll(async () => {
    origin6?.stop();
    await lan?.close();
  });

  const behind = () => ({ without: { place: lan.machine } });
  const ownUser = () => ({ without: { place: system().network.client, runner: AS_NOBODY } });
  const ruleset = () => system().network.client.exec('nft', ['list', 'ruleset']);
  /** All rules and routes, of both families. */
  const routing = async () => {
    const { client } = system().network;
    const asked = [['-4'], ['-6']].flatMap((family) => [
      [...family, 'rule', 'show'],
      [...family, 'route', 'show', 'table', 'all'],
    ]);
    const texts = await Promise.all(asked.map((args) => client.exec('ip', args)));
    // Routes to neighbours expire.
    return texts.join('---\n').replaceAll(/ expires \d+sec/g, '');
  };
  const accepts = (result: string) =>
    system().pair.client.metric('tributary_transparent_accepts_total', { result });

  test('of a machine behind the client: over both uplinks, IPv4 and IPv6', async () => {
    const { pair, network } = system();
    await transparent(pair, '--apply', '--lan', LAN_INTERFACE);
    const acceptsBefore = await accepts('accepted');
    for (const origin of [pair.origin, origin6]) {
      const before = await Promise.all(network.paths.map((path) => path.counters()));
      await expectWhole(download(pair, BODY_BYTES, { ...behind(), origin }), BODY_BYTES);
      const after = await Promise.all(network.paths.map((path) => path.counters()));
      for (const [i, counters] of after.entries()) {
        expect(counters.receivedBytes - before[i]!.receivedBytes).toBeGreaterThan(BODY_BYTES / 5);
      }
    }
    expect((await accepts('accepted')) - acceptsBefore).toBe(2);
    // The concentrator's side of the network, not this machine's.
    expect(await lan.machine.exec('curl', ['-sS', `${pair.origin.url}/peer`])).toBe('10.78.254.1');
  });

  test('of this machine, except those of its own user, which come up anew', async () => {
    const { pair } = system();
    await transparent(pair, '--apply', '--local');
    const before = await accepts('accepted');
    for (const origin of [pair.origin, origin6]) {
      await expectWhole(download(pair, BODY_BYTES, { ...ownUser(), origin }), BODY_BYTES);
    }
    expect((await accepts('accepted')) - before).toBe(2);
    await pair.startClient();
    await pair.untilUp(['wan0', 'wan1']);
    await expectWhole(download(pair, BODY_BYTES, ownUser()), BODY_BYTES);
    expect([await accepts('accepted'), await accepts('loop')]).toEqual([1, 0]);
  });

  test('the rules replace those of before, and leave nothing behind', async () => {
    const { pair } = system();
    const before = await ruleset();
    await transparent(pair, '--apply', '--lan', LAN_INTERFACE, '--local', '--refuse-quic');
    const once = await ruleset();
    await transparent(pair, '--apply', '--lan', LAN_INTERFACE, '--local', '--refuse-quic');
    expect(await ruleset()).toBe(once);
    expect(once).toContain('table inet tributary_redirect');
    expect(once.startsWith(before.trim())).toBe(true);
    await transparent(pair, '--apply', '--lan', LAN_INTERFACE);
    expect(await ruleset()).not.toContain('443');
    await transparent(pair, '--remove');
    expect(await ruleset()).toBe(before);
    expect(before).toContain('table inet other');
  });

  test('QUIC is refused where that is wanted', async () => {
    const { pair, network } = system();
    const { v4 } = network.origin.address;
    // What the kernel has heard of a datagram it tells at the next one.
    const send = (port: number) => {
      const script = `exec 3<>/dev/udp/${v4}/${port}; for i in 1 2 3; do echo x >&3; done`;
      const [command, ...args] = [...AS_NOBODY, 'bash', '-c', script];
      return network.client.exec(command, args);
    };
    await transparent(pair, '--apply', '--local', '--refuse-quic');
    await expect(send(443)).rejects.toThrow('Connection refused');
    await send(444);
  });

  test('what cannot be reached is reset, as well as a connection to the listener itself', async () => {
    const { pair, network } = system();
    await transparent(pair, '--apply', '--lan', LAN_INTERFACE);
    const before = await accepts('loop');
    for (const target of [
      `${network.origin.address.v4}:9`,
      '192.0.2.1:80',
      `${ROUTER.v4}:${REDIRECT_PORT}`,
      `[${ROUTER.v6}]:${REDIRECT_PORT}`,
    ]) {
      const code = await curlCode([`http://${target}/`]);
      expect(CURL_NO_ANSWER, `${target}: ${code}`).toContain(code);
    }
    expect((await accepts('loop')) - before).toBe(2);
    // Its own addresses are no one else's: what listens there answers, or nobody does.
    expect(await curlCode([`http://${ROUTER.v4}:9/`])).toBe(7);
  });

  test("one of the client's own, past the concentrator, is not served again and again", async () => {
    const { pair, network } = system();
    const { v4 } = network.origin.address;
    onTestFinished(async () => {
      await pair.amend(pair.clientFile, { steering: {} });
      await pair.startClient();
      await pair.untilUp(['wan0', 'wan1']);
    });
    await pair.amend(pair.clientFile, { steering: { rules: [{ cidr: `${v4}/32`, direct: 'wan0' }] } });
    // What is bound to an interface reaches no listener on another one; what has an address alone does.
    await pair.startClient(pair.byAddress('v4'));
    // The client runs as root.
    await transparent(pair, '--apply', '--local', '--user', '65534');
    const counted = async () => [await accepts('accepted'), await accepts('loop')] as const;
    const before = await counted();
    const script = `curl -s --max-time 20 --socks5 ${SOCKS} ${pair.origin.url}/peer; echo $?`;
    expect((await network.client.exec('sh', ['-c', script])).trim()).not.toBe('0');
    const after = await counted();
    expect([after[0] - before[0], after[1] - before[1]]).toEqual([0, 1]);
    await pair.client.untilLog(({ msg }) =>
      msg.includes("client's own connection over an uplink was redirected"),
    );
  });

  test('rules for names hold by TLS and HTTP', async () => {
    const { pair, network } = system();
    const { v4 } = network.origin.address;
    await transparent(pair, '--apply', '--lan', LAN_INTERFACE);
    onTestFinished(() => pair.reload('client', { steering: {} }));
    const rules = [
      { host: '*.blocked.test', block: true },
      { host: 'one.test', uplinks: ['wan1'] },
    ];
    await pair.reload('client', { steering: { rules } });
    const decisions = (action: string) =>
      pair.client.metric('tributary_steering_decisions_total', { action });
    const resolve = (name: string) => ['--resolve', `${name}:8080:${v4}`];
    const blocked = await decisions('block');
    for (const scheme of ['https', 'http']) {
      const code = await curlCode([...resolve('www.blocked.test'), `${scheme}://www.blocked.test:8080/peer`]);
      expect(CURL_NO_ANSWER).toContain(code);
    }
    expect((await decisions('block')) - blocked).toBe(2);
    const steered = await decisions('steer');
    // The origin speaks no TLS; it is reached.
    await curlCode([...resolve('other.test'), 'https://other.test:8080/peer']);
    expect([(await decisions('block')) - blocked, (await decisions('steer')) - steered]).toEqual([2, 1]);
    const names = (result: string) => pair.client.metric('tributary_transparent_names_total', { result });
    expect([await names('tls'), await names('http')]).toEqual([2, 1]);

    const carried = async () => (await network.path('wan0').counters()).receivedBytes;
    const before = await carried();
    const url = `http://one.test:8080/bytes/${BODY_BYTES}`;
    await lan.machine.exec('curl', ['-sS', '--fail', '-o', '/dev/null', ...resolve('one.test'), url]);
    expect((await carried()) - before).toBeLessThan(SLACK_BYTES);
  });

  test('by TPROXY: of a machine behind the client, and of this one', async () => {
    const { pair } = system();
    for (const [where, place] of [
      [['--lan', LAN_INTERFACE], behind()],
      [['--local'], ownUser()],
      [['--lan', LAN_INTERFACE, '--local'], ownUser()],
    ] as const) {
      await transparent(pair, '--apply', '--tproxy', ...where);
      const before = [await accepts('accepted'), await accepts('loop')];
      for (const origin of [pair.origin, origin6]) {
        await expectWhole(download(pair, BODY_BYTES, { ...place, origin }), BODY_BYTES);
      }
      expect([await accepts('accepted'), await accepts('loop')]).toEqual([before[0]! + 2, before[1]]);
    }
    // What others have begun goes its usual way: a server on this machine, of another user than the client.
    const { client } = system().network;
    const script = `require('http').createServer((_, answer) => answer.end('own')).listen(${OWN_PORT}, () => console.log('ready'))`;
    const [command, ...args] = [...AS_NOBODY, process.execPath, '-e', script];
    const server = client.spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void server.kill());
    await once(server.stdout!, 'data');
    expect(
      await lan.machine.exec('curl', ['-sS', '--max-time', '5', `http://${ROUTER.v4}:${OWN_PORT}/`]),
    ).toBe('own');
  });

  test.each([
    ['REDIRECT', '## Set up', []],
    ['TPROXY', '## TPROXY', ['--tproxy']],
  ] as const)(
    'by %s through a packet filter that drops the rest, by the rule of the page',
    async (_, heading, how) => {
      const { pair, network } = system();
      onTestFinished(() => dropNothing(network.client));
      await transparent(pair, '--apply', '--lan', LAN_INTERFACE, ...how);
      for (const { url } of [pair.origin, origin6]) {
        await dropAllBut(network.client);
        // Curl gives up: not a word comes back.
        expect(await curlCode(['--connect-timeout', '2', `${url}/peer`])).toBe(28);
        await dropAllBut(network.client, await ruleOfPage(heading));
        expect(await curlCode([`${url}/peer`])).toBe(0);
      }
    },
  );

  test('UDP by TPROXY passes such a filter by the same rule', async () => {
    const { pair, network } = system();
    const { client, origin } = network;
    const [host, port] = [origin.address.v4, '5300'];
    const support = (name: string) => join(ROOT, 'test', 'system', 'support', name);
    const echo = origin.spawn(process.execPath, [support('udp-echo.mjs'), host, port], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void echo.kill());
    await once(echo.stdout!, 'data');
    onTestFinished(() => dropNothing(client));
    await transparent(pair, '--apply', '--lan', LAN_INTERFACE, '--tproxy', '--udp');
    const ask = (seconds: string) =>
      lan.machine.exec(process.execPath, [support('udp-ask.mjs'), seconds, host, port]);
    await dropAllBut(client);
    await expect(ask('1')).rejects.toThrow();
    await dropAllBut(client, await ruleOfPage('## TPROXY'));
    expect(JSON.parse(await ask('10'))).toMatchObject({ from: `${host} ${port}` });
  });

  test('by TPROXY rules and routing replace those of before, and leave nothing behind', async () => {
    const { pair } = system();
    const before = [await ruleset(), await routing()];
    await transparent(pair, '--apply', '--lan', LAN_INTERFACE, '--local', '--tproxy');
    const once = [await ruleset(), await routing()];
    await transparent(pair, '--apply', '--lan', LAN_INTERFACE, '--local', '--tproxy');
    expect([await ruleset(), await routing()]).toEqual(once);
    expect(once[1]).toContain('fwmark 0x4000000/0x4000000');
    await transparent(pair, '--apply', '--lan', LAN_INTERFACE);
    expect(await routing()).toBe(before[1]);
    await transparent(pair, '--apply', '--lan', LAN_INTERFACE, '--tproxy');
    await transparent(pair, '--remove');
    expect([await ruleset(), await routing()]).toEqual(before);
  });

  /** How curl ends on the machine behind the client; 0 is success. */
  async function curlCode(args: readonly string[]): Promise<number> {
    const all = ['-sk', '--max-time', '20', '-o', '/dev/null', ...args];
    const script = `curl "$@"; echo $?`;
    return Number((await lan.machine.exec('sh', ['-c', script, 'sh', ...all])).trim());
  }
});
