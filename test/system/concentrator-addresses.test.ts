import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { LogLine } from './support/program.ts';
import { describeSystem, expectWhole, report } from './support/system.ts';
import { countTcp } from './support/tcp-counts.ts';
import { download } from './support/transfer.ts';

const BODY_BYTES = 7_000_000;
const PORT = 8443;

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 40, upMbps: 40 },
];
describeSystem('the addresses of the concentrator', { paths, congestionControl: 'bbr' }, (system) => {
  const v4 = () => `${system().network.concentrator.address.v4}:${PORT}`;
  const v6 = () => `[${system().network.concentrator.address.v6}]:${PORT}`;
  const announceNothing = { announce: { addresses: [] } };
  const plain = { paths: 'per-uplink', steering: { default: 'aggregate' } };

  afterEach(async () => {
    const { pair } = system();
    await pair.amend(pair.concentratorFile, announceNothing);
    await pair.amend(pair.clientFile, plain);
  });

  /** The programs as configured, with a client that knows these addresses. */
  async function start(
    addresses: readonly string[],
    uplinks: readonly string[],
    client: object = {},
    concentrator: object = announceNothing,
  ): Promise<void> {
    const { pair } = system();
    await pair.amend(pair.concentratorFile, { ...concentrator });
    await pair.amend(pair.clientFile, { ...client });
    await pair.withClientChanges('concentrator', { addresses }, () =>
      pair.start(pair.byInterface([...uplinks])),
    );
  }

  const isUp = (address: string, uplink?: string) => (line: LogLine) =>
    line.msg === 'subflow up' &&
    line.concentrator === address &&
    (uplink === undefined || line.uplink === uplink);

  const subflows = () =>
    system()
      .pair.client.log.filter(({ msg }) => msg === 'subflow up')
      .map(({ uplink, concentrator }) => `${uplink} ${concentrator}`);

  test('dual stack: connected over IPv6, it learns the IPv4 address, and uses both', async () => {
    const { pair, network } = system();
    const client = { paths: 'per-family', steering: { default: 'round-robin' } };
    await start([v6()], ['wan0'], client, { announce: { addresses: [v4()] } });
    await pair.client.untilLog(isUp(v4()));
    expect(subflows()).toEqual([`wan0 ${v6()}`, `wan0 ${v4()}`]);
    const counts = await countTcp(network.client, 'wan0');
    await expectWhole(download(pair, BODY_BYTES), BODY_BYTES);
    const { received4, received6 } = await counts();
    report(`dual stack: ${received6} bytes over IPv6, ${received4} over IPv4`);
    for (const received of [received4, received6]) expect(received).toBeGreaterThan(BODY_BYTES * 0.2);
  });

  test('one that does not answer delays nothing: the next family is tried 250 ms later', async () => {
    const { pair, network } = system();
    const rules =
      'table inet hole { chain hole { type filter hook prerouting priority raw; ip6 nexthdr tcp drop; }; }';
    await network.concentrator.exec('nft', ['-f', '-'], { input: `${rules}\n` });
    try {
      await start([v6(), v4()], ['wan0']);
      const up = pair.client.log.find(isUp(v4()));
      const began = pair.client.log.find(({ msg }) => msg === 'client proxy is up');
      const tookMs = Date.parse(`${up?.time}`) - Date.parse(`${began?.time}`);
      report(`IPv6 swallowed: a subflow over IPv4 after ${tookMs} ms`);
      expect(tookMs).toBeGreaterThan(200);
      // Of the time limit of one attempt, 5 s.
      expect(tookMs).toBeLessThan(3_000);
    } finally {
      await network.concentrator.exec('nft', ['delete', 'table', 'inet', 'hole']);
    }
  });

  test('announced while running it is joined, and left when it is withdrawn', async () => {
    const { pair } = system();
    await start([v6()], ['wan0'], { paths: 'fullmesh' });
    expect(subflows()).toEqual([`wan0 ${v6()}`]);
    const transfer = download(pair, BODY_BYTES, { limitRate: 1_000_000 });
    await transfer.reached(500_000);
    await pair.reload('concentrator', { announce: { addresses: [v4()] } });
    const up = await pair.client.untilLog(isUp(v4()));
    const since = pair.client.log.length;
    await pair.reload('concentrator', announceNothing);
    await pair.client.untilLog(({ msg, subflow }) => msg === 'subflow given up' && subflow === up.subflow, {
      since,
    });
    await expectWhole(transfer, BODY_BYTES);
    expect(await pair.client.metric('tributary_subflows', { uplink: 'wan0', state: 'active' })).toBe(1);
  });

  test('in fullmesh every uplink has a subflow to every address, and several where so many are asked for', async () => {
    const { pair } = system();
    const client = { paths: 'fullmesh', subflowsPerPath: 2 };
    try {
      await start([v6()], ['wan0', 'wan1'], client, { announce: { addresses: [v4()] } });
      await expect
        .poll(() => subflows().sort(), { timeout: 10_000 })
        .toEqual(
          ['wan0', 'wan1'].flatMap((uplink) =>
            [v4(), v6()].flatMap((address) => [`${uplink} ${address}`, `${uplink} ${address}`]),
          ),
        );
      // Each has a port of its own, or the kernel would have refused it.
      await expectWhole(download(pair, BODY_BYTES), BODY_BYTES);
    } finally {
      await pair.amend(pair.clientFile, { subflowsPerPath: 'auto' });
    }
  });

  test('with joinHere: false further subflows go to announced addresses alone', async () => {
    const { pair } = system();
    await start([v6()], ['wan0', 'wan1'], {}, { announce: { addresses: [v4()], joinHere: false } });
    const [first, second, ...more] = subflows();
    expect(first).toMatch(new RegExp(`^wan[01] ${escaped(v6())}$`));
    expect(second).toMatch(new RegExp(`^wan[01] ${escaped(v4())}$`));
    expect(more).toEqual([]);
    await expectWhole(download(pair, BODY_BYTES), BODY_BYTES);
  });

  test('and nowhere when no announced address answers; the first goes on', async () => {
    const { pair } = system();
    const nobody = `${system().network.concentrator.address.v4}:9`;
    await pair.amend(pair.concentratorFile, { announce: { addresses: [nobody], joinHere: false } });
    await pair.startConcentrator();
    await pair.withClientChanges('concentrator', { addresses: [v6()] }, () => pair.startClient());
    const failed = await pair.client.untilLog(({ msg }) => msg === 'uplink not usable');
    expect(failed).toMatchObject({ concentrator: nobody });
    await sleep(2_000);
    expect(subflows()).toHaveLength(1);
    await expectWhole(download(pair, BODY_BYTES), BODY_BYTES);
  });

  test('in networks of the client are refused, unless it was told to connect there', async () => {
    const { pair } = system();
    await start([v6()], ['wan0'], {}, { announce: { addresses: ['127.0.0.1:22', '169.254.169.254:80'] } });
    for (const host of ['127.0.0.1', '169.254.169.254']) {
      const refused = await pair.client.untilLog(({ reason }) => `${reason}`.startsWith(host));
      expect(refused.msg).toBe('an address that the concentrator announced is not used');
    }
  });
});

function escaped(text: string): string {
  return text.replace(/[[\].]/g, '\\$&');
}
