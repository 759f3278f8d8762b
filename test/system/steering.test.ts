/*
 * Steering rules, seen on the wire. Besides what the network has (support/namespaces.ts), the concentrator's namespace forwards
 * as a provider's router does, so that the client reaches origin and name server over either path without the programs too;
 * the origin then sees the path's own address.
 */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { NameServer } from './support/name-server.ts';
import type { ConfiguredUplink } from './support/pair.ts';
import { SOCKS } from './support/pair.ts';
import { describeSystem, expectWhole, report } from './support/system.ts';
import { download, upload } from './support/transfer.ts';

const BODY_BYTES = 4_000_000;
/** Long enough to change the rules in the middle. */
const LONG_BYTES = 30_000_000;
const CHANGE_AT_BYTES = 3_000_000;
/** What control frames, acknowledgements and handshakes may add on an uplink that carries no data, or keep from one that does. */
const SLACK_BYTES = 400_000;
const NAME = 'bank.test';
/** Of curl: the proxy refuses. */
const CURL_PROXY_REFUSED = 97;
/** Of curl: the connection ended early, or was reset; 28 would be that its time was up. */
const CURL_CUT_OFF = [18, 56];

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 40, upMbps: 40 },
];
describeSystem('steering', { paths, congestionControl: 'cubic' }, (system) => {
  let names: NameServer;
  beforeAll(async () => {
    const { network } = system();
    await network.concentrator.sysctl({ 'net.ipv4.ip_forward': 1 });
    const near = network.origin.address.v4.replace(/\d+$/, '1');
    await network.origin.ip(4, [`route add 10.78.1.0/24 via ${near}`, `route add 10.78.2.0/24 via ${near}`]);
    names = await NameServer.start(network.origin, [`${NAME}=${network.origin.address.v4}`]);
  });
  afterAll(() => names?.stop());

  test('uplinks: only these carry the connection, both ways', async () => {
    await start({ rules: [{ cidr: system().network.origin.address.v4, uplinks: ['wan1'] }] });
    for (const [transfer, counter] of [
      [download, 'receivedBytes'],
      [upload, 'sentBytes'],
    ] as const) {
      const carried = await carriedDuring(() => expectWhole(transfer(system().pair, BODY_BYTES), BODY_BYTES));
      expect(carried.wan1[counter]).toBeGreaterThan(BODY_BYTES);
      expect(carried.wan0[counter]).toBeLessThan(SLACK_BYTES);
    }
  });

  test('uplinks: one that is dialled on demand alone is dialled for them', async () => {
    const { pair, network } = system();
    const rules = [{ cidr: network.origin.address.v4, uplinks: ['wan1'] }];
    await pair.amend(pair.clientFile, { steering: { rules }, socks: { listen: SOCKS } });
    await pair.startConcentrator();
    await pair.startClient([
      { name: 'wan0', interface: 'wan0' },
      { name: 'wan1', interface: 'wan1', backup: true, standby: 'break-before-make' },
    ]);
    await pair.untilUp(['wan0']);
    expect(pair.client.log.filter(({ msg, uplink }) => msg === 'subflow up' && uplink === 'wan1')).toEqual(
      [],
    );
    const carried = await carriedDuring(() => expectWhole(download(pair, BODY_BYTES), BODY_BYTES));
    expect(carried.wan1.receivedBytes).toBeGreaterThan(BODY_BYTES);
    expect(carried.wan0.receivedBytes).toBeLessThan(SLACK_BYTES);
  });

  test.each(['interface', 'address'] as const)(
    'direct, bound by %s: from the uplink itself, and the name resolved through it',
    async (how) => {
      const { pair, network } = system();
      const uplinks = how === 'interface' ? pair.byInterface() : pair.byAddress('v4');
      // Then the routes prefer wan0 for everything, and only a socket bound to wan1 leaves by it.
      if (how === 'interface') await network.client.ip(4, ['rule del lookup 101', 'rule del lookup 102']);
      onTestFinished(async () => {
        for (const path of network.paths) await path.linkUp();
      });
      await start(
        { rules: [{ host: NAME, direct: 'wan1' }] },
        { uplinks: uplinks.map((uplink) => ({ ...uplink, nameServers: [network.origin.address.v4] })) },
      );
      const since = names.queries.length;
      const wan1 = network.path('wan1').address.v4;
      expect(await peerOf(NAME)).toBe(wan1);
      expect(names.queries.slice(since).sort()).toEqual([`A ${NAME} ${wan1}`, `AAAA ${NAME} ${wan1}`]);
      expect(await peerOf(network.origin.address.v4)).toBe(network.origin.address.v4.replace(/\d+$/, '1'));

      const directBytes = () =>
        pair.client.metric('tributary_uplink_direct_bytes_total', { uplink: 'wan1', direction: 'received' });
      const before = await directBytes();
      const carried = await carriedDuring(() =>
        get(`http://${NAME}:8080/bytes/${BODY_BYTES}`, ['-o', '/dev/null']),
      );
      expect(carried.wan1.receivedBytes).toBeGreaterThan(BODY_BYTES);
      expect(carried.wan0.receivedBytes).toBeLessThan(SLACK_BYTES);
      expect((await directBytes()) - before).toBeGreaterThanOrEqual(BODY_BYTES);
      expect((await directBytes()) - before).toBeLessThan(BODY_BYTES + 10_000);
      expect(await pair.client.metric('tributary_steering_decisions_total', { action: 'direct' })).toBe(2);
    },
  );

  test('direct: over an uplink that is found later, once it is there', async () => {
    const { pair, network } = system();
    const rules = [{ cidr: network.origin.address.v4, direct: 'wan1' }];
    await pair.amend(pair.clientFile, { steering: { rules }, socks: { listen: SOCKS } });
    await pair.startConcentrator();
    await pair.startClient({ auto: false, include: ['wan0'] });
    await pair.untilUp(['wan0']);
    const isWarning = ({ msg }: { msg: string }) =>
      msg.startsWith('steering names uplinks that are not there');
    expect(pair.client.log.filter(isWarning)).toMatchObject([{ missing: ['wan1'], present: ['wan0'] }]);
    await expectRefused(pair.origin.url, 3);
    await pair.reload('client', { uplinks: { auto: false, include: ['wan*'] } });
    await pair.untilUp(['wan1']);
    expect(await peerOf(network.origin.address.v4)).toBe(network.path('wan1').address.v4);
    expect(pair.client.log.filter(isWarning)).toHaveLength(1);
  });

  test('direct: counts towards the cap of a metered uplink, and ends at one that stops it', async () => {
    const { pair, network } = system();
    await pair.forgetUsage();
    await start(
      { rules: [{ cidr: network.origin.address.v4, direct: 'wan0' }] },
      {
        uplinks: [
          { name: 'wan0', interface: 'wan0', metered: { daily: '3MB', atCap: 'stop' } },
          { name: 'wan1', interface: 'wan1' },
        ],
      },
    );
    const carried = await carriedDuring(() =>
      expect(get(`${pair.origin.url}/bytes/${LONG_BYTES}`, ['-o', '/dev/null'])).rejects.toThrow(
        /curl: \((18|56)\)/,
      ),
    );
    report(`cap of 3 MB: carried ${carried.wan0.receivedBytes} bytes`);
    expect(carried.wan0.receivedBytes).toBeGreaterThan(2_500_000);
    // A quarter of a second at 5 MB/s, and what is under way; the rest is for a machine that is busy.
    expect(carried.wan0.receivedBytes).toBeLessThan(8_000_000);
    await expectRefused(pair.origin.url, 2);
    const later = await carriedDuring(() => expectRefused(pair.origin.url, 2));
    expect(later.wan0.sentBytes).toBeLessThan(SLACK_BYTES);
  });

  test('direct: ends with its uplink, which a reload takes out or which is unplugged', async () => {
    const { pair, network } = system();
    const rules = [{ cidr: network.origin.address.v4, direct: 'wan1' }];
    await start({ rules });
    const first = download(pair, LONG_BYTES, { maxSeconds: 20 });
    await first.reached(CHANGE_AT_BYTES);
    await pair.reload('client', { uplinks: [{ name: 'wan0', interface: 'wan0' }], steering: {} });
    expect(CURL_CUT_OFF).toContain((await first.done).exitCode);

    await pair.reload('client', { uplinks: pair.byInterface(), steering: { rules } });
    const second = download(pair, LONG_BYTES, { maxSeconds: 20 });
    await second.reached(CHANGE_AT_BYTES);
    onTestFinished(() => network.path('wan1').create());
    await network.path('wan1').remove();
    expect(CURL_CUT_OFF).toContain((await second.done).exitCode);
  });

  test('direct: what fails is told by the reply that fits', async () => {
    const { network } = system();
    await start(
      {
        rules: [
          { host: ['*.test', 'localhost'], direct: 'wan1' },
          { cidr: ['10.78.0.0/16', '127.0.0.0/8'], direct: 'wan1' },
        ],
      },
      {
        uplinks: system()
          .pair.byInterface()
          .map((uplink) => ({ ...uplink, nameServers: [network.origin.address.v4] })),
      },
    );
    await expectRefused('http://nothing.test:8080/', 4);
    await expectRefused(`http://${network.origin.address.v4}:9/`, 5);
    await expectRefused('http://127.0.0.1:9101/', 2);
    await expectRefused('http://localhost:9101/', 2);
    await expectRefused(`http://${network.path('wan0').address.v4}:9101/`, 2);
  });

  test('block: not allowed by the rules, and counted', async () => {
    const { pair, network } = system();
    await start({ rules: [{ port: '8000-8100', block: true }] });
    const carried = await carriedDuring(() => expectRefused(pair.origin.url, 2));
    expect(carried.wan0.sentBytes + carried.wan1.sentBytes).toBeLessThan(SLACK_BYTES);
    expect(await pair.client.metric('tributary_steering_decisions_total', { action: 'block' })).toBe(1);
    expect(await pair.client.metric('tributary_stream_opens_total')).toBe(0);
    // Not by the concentrator's policy, which lets it pass.
    await reload({});
    expect(await peerOf(network.origin.address.v4)).toBeDefined();
  });

  test('user: each goes the way of the rules for it', async () => {
    const { network } = system();
    const users = ['alice', 'bob', 'carol'].map((name) => ({ name, password: 'secret' }));
    await start(
      {
        rules: [
          { user: 'alice', direct: 'wan0' },
          { user: ['bob'], direct: 'wan1' },
        ],
      },
      { socks: { listen: SOCKS, users } },
    );
    const seen = await Promise.all(
      users.map(({ name }) => peerOf(network.origin.address.v4, ['--proxy-user', `${name}:secret`])),
    );
    const near = network.origin.address.v4.replace(/\d+$/, '1');
    expect(seen).toEqual([network.path('wan0').address.v4, network.path('wan1').address.v4, near]);
  });

  test('a reload moves an open download from one uplink to the other, and not a byte is lost', async () => {
    const { pair, network } = system();
    const only = (uplink: string) => ({ rules: [{ cidr: network.origin.address.v4, uplinks: [uplink] }] });
    await start(only('wan0'));
    const transfer = download(pair, LONG_BYTES);
    const first = await carriedDuring(() => transfer.reached(CHANGE_AT_BYTES));
    expect(first.wan0.receivedBytes).toBeGreaterThan(CHANGE_AT_BYTES);
    expect(first.wan1.receivedBytes).toBeLessThan(SLACK_BYTES);
    expect(await reload(only('wan1'))).toMatchObject({ live: ['steering'], restart: [], resteered: 1 });
    // What is under way on the old one still comes.
    await transfer.reached(transfer.bytes + CHANGE_AT_BYTES);
    const from = transfer.bytes;
    const second = await carriedDuring(() => expectWhole(transfer, LONG_BYTES));
    report(`after ${from} bytes: wan0 ${second.wan0.receivedBytes}, wan1 ${second.wan1.receivedBytes}`);
    expect(second.wan1.receivedBytes).toBeGreaterThan(LONG_BYTES - from - SLACK_BYTES);
    expect(second.wan0.receivedBytes).toBeLessThan(SLACK_BYTES);
  });

  test('a reload to "block" and to "direct": what is open goes on as it is, what is new is treated so', async () => {
    const { pair, network } = system();
    const origin = network.origin.address.v4;
    await start({ rules: [{ cidr: origin, direct: 'wan0' }] });
    const direct = download(pair, LONG_BYTES);
    await direct.reached(CHANGE_AT_BYTES);
    await reload({ rules: [] });
    const steered = download(pair, LONG_BYTES);
    await steered.reached(CHANGE_AT_BYTES);
    expect(await reload({ rules: [{ cidr: origin, block: true }] })).toMatchObject({ resteered: 0 });
    await expectRefused(pair.origin.url, 2);
    await expectWhole(direct, LONG_BYTES);
    await expectWhole(steered, LONG_BYTES);
  });

  /** Both programs, the client with these rules. */
  async function start(
    steering: object,
    { uplinks, socks }: { uplinks?: readonly ConfiguredUplink[]; socks?: object } = {},
  ): Promise<void> {
    const { pair } = system();
    await pair.amend(pair.clientFile, { steering, socks: socks ?? { listen: SOCKS } });
    await pair.start(uplinks);
  }

  /** @returns what the client's log says of it */
  async function reload(steering: object): Promise<object> {
    const { pair } = system();
    await pair.amend(pair.clientFile, { steering });
    const since = pair.client.log.length;
    pair.client.signal('SIGHUP');
    return pair.client.untilLog(({ msg }) => msg === 'reloaded', { since });
  }

  function get(url: string, args: readonly string[] = []): Promise<string> {
    const { client } = system().network;
    return client.exec('curl', [
      '-sS',
      '--fail',
      '--max-time',
      '20',
      '--socks5-hostname',
      SOCKS,
      ...args,
      url,
    ]);
  }

  /** The address from which the origin is reached. */
  async function peerOf(host: string, args: readonly string[] = []): Promise<string> {
    return get(`http://${host}:8080/peer`, args);
  }

  async function expectRefused(url: string, reply: number): Promise<void> {
    const command = `curl -sS --max-time 20 --socks5-hostname ${SOCKS} ${url} 2>&1; echo $?`;
    const said = await system().network.client.exec('sh', ['-c', command]);
    expect(said).toContain(`(${reply})\n${CURL_PROXY_REFUSED}\n`);
  }

  /** What the devices of both paths carry while `work` goes on. */
  async function carriedDuring(work: () => Promise<unknown>) {
    const { network } = system();
    const counters = () => Promise.all(['wan0', 'wan1'].map((name) => network.path(name).counters()));
    const before = await counters();
    await work();
    const [wan0, wan1] = (await counters()).map(({ sentBytes, receivedBytes }, i) => ({
      sentBytes: sentBytes - before[i]!.sentBytes,
      receivedBytes: receivedBytes - before[i]!.receivedBytes,
    }));
    return { wan0: wan0!, wan1: wan1! };
  }
});
