import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { CLIENT_ID } from './support/pair.ts';
import { command, type Program } from './support/program.ts';
import { describeSystem, expectWhole } from './support/system.ts';
import { download } from './support/transfer.ts';

const BODY_BYTES = 12_000_000;
/** So much has arrived when the signal comes. */
const SIGNAL_AT_BYTES = 1_000_000;
/** Of a slow application: what it gets has left the concentrator long before. */
const SLOW_BYTES = 4_000_000;
const SLOW_RATE = 2_000_000;
/** More than all buffers on the way hold: it cannot be over when the signal comes. */
const ENDLESS_BYTES = 500_000_000;
/** Far more than an end at once takes, far less than any drain timeout. */
const AT_ONCE_MS = 4_000;
/** Of curl: no connection to the proxy; the proxy refuses. */
const CURL_COULD_NOT_CONNECT = 7;
const CURL_PROXY_REFUSED = 97;

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];
describeSystem('signals', { paths, congestionControl: 'cubic' }, (system) => {
  test('SIGTERM to the concentrator: open downloads finish, new sessions are refused', async () => {
    const { pair } = system();
    await pair.start();
    const fast = download(pair, BODY_BYTES);
    const slow = download(pair, SLOW_BYTES, { limitRate: SLOW_RATE });
    await fast.reached(SIGNAL_AT_BYTES);
    pair.concentrator.signal('SIGTERM');
    await pair.client.untilLog(({ msg }) => msg.includes('the concentrator is going away'));
    const refused = await pair.client.untilLog(({ msg }) => msg === 'uplink not usable');
    expect(refused.reason).toContain('refused');
    await expectWhole(fast, BODY_BYTES);
    await expectWhole(slow, SLOW_BYTES);
    expect(await pair.concentrator.exited).toBe(0);
    expect(pair.concentrator.log.at(-1)?.msg).toBe('stopped');
  });

  test('SIGTERM to the client: open downloads finish, new connections are refused', async () => {
    const { pair } = system();
    await pair.start();
    const open = [download(pair, BODY_BYTES), download(pair, SLOW_BYTES, { limitRate: SLOW_RATE })];
    await Promise.all(open.map((transfer) => transfer.reached(SIGNAL_AT_BYTES)));
    pair.client.signal('SIGTERM');
    await expectRefused();
    await expectWhole(open[0]!, BODY_BYTES);
    await expectWhole(open[1]!, SLOW_BYTES);
    expect(await pair.client.exited).toBe(0);
    expect(pair.client.log.at(-1)?.msg).toBe('stopped');
  });

  test.each(['concentrator', 'client'] as const)('a second SIGTERM ends the %s at once', async (which) => {
    const { pair } = system();
    await pair.start();
    const open = download(pair, ENDLESS_BYTES, { limitRate: SLOW_RATE });
    await open.reached(SIGNAL_AT_BYTES);
    const program = pair[which];
    program.signal('SIGTERM');
    if (which === 'client') await expectRefused();
    else await pair.client.untilLog(({ msg }) => msg.includes('the concentrator is going away'));
    program.signal('SIGTERM');
    expect(await endsInTime(program)).toBe(0);
    expect((await open.done).exitCode).not.toBe(0);
  });

  test('SIGHUP: a revoked client loses its session', async () => {
    const { pair } = system();
    await pair.start();
    const clients = await pair.readClientsFile();
    try {
      const open = download(pair, ENDLESS_BYTES, { limitRate: SLOW_RATE });
      await open.reached(SIGNAL_AT_BYTES);
      const { concentrator } = pair.network;
      await command(concentrator, 'server-concentrator', [
        ...['client', 'revoke', CLIENT_ID, '--config', pair.concentratorFile],
      ]);
      expect(await pair.concentrator.metric('tributary_sessions')).toBe(1);
      pair.concentrator.signal('SIGHUP');
      const closed = await pair.client.untilLog(({ msg }) => msg === 'session closed');
      expect(closed).toMatchObject({ error: 'notAuthorized', by: 'peer' });
      expect((await open.done).exitCode).not.toBe(0);
      expect(await pair.concentrator.metric('tributary_sessions')).toBe(0);
      const refused = await pair.client.untilLog(({ msg }) => msg === 'uplink not usable');
      expect(refused.reason).toContain("is this client's id in its list");
    } finally {
      await pair.writeClientsFile(clients);
    }
  });

  test('SIGHUP: a changed egress rule holds for new streams', async () => {
    const { pair, network } = system();
    await pair.start();
    const origin = `${network.origin.address.v4}/32`;
    const open = download(pair, BODY_BYTES);
    await open.reached(SIGNAL_AT_BYTES);
    await reloadWith({ egress: { allow: [origin], deny: [origin] } });
    const refused = await download(pair, 1_000).done;
    expect(refused.exitCode).toBe(CURL_PROXY_REFUSED);
    expect(refused.stderr).toContain('(2)');
    await expectWhole(open, BODY_BYTES);
    await reloadWith({ egress: { allow: [origin] } });
    await expectWhole(download(pair, 1_000), 1_000);
  });

  /** Waits until new SOCKS connections are refused. */
  async function expectRefused(): Promise<void> {
    const { pair } = system();
    await expect
      .poll(async () => (await download(pair, 1, { maxSeconds: 2 }).done).exitCode, { timeout: 3_000 })
      .toBe(CURL_COULD_NOT_CONNECT);
  }

  async function reloadWith(changes: Record<string, unknown>): Promise<void> {
    const { pair } = system();
    await pair.amend(pair.concentratorFile, changes);
    const since = pair.concentrator.log.length;
    pair.concentrator.signal('SIGHUP');
    await pair.concentrator.untilLog(({ msg }) => msg === 'reloaded', { since });
  }
});

async function endsInTime(program: Program): Promise<number | string | null> {
  return Promise.race([program.exited, sleep(AT_ONCE_MS, 'still running')]);
}
