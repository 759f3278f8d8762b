import { expect, it, onTestFinished } from 'vitest';
import { startSocksRelay } from '../support/socks-relay.ts';
import { startEcho } from './support/origin.ts';
import { Pair } from './support/pair.ts';
import { readBytes, socksConnect } from './support/socks-client.ts';

const DELAY_MS = 500;
const PAYLOAD_BYTES = 20_000;

it('a preferred uplink beyond the limits carries nothing, and status and metrics say why while a connection leaves it out', async () => {
  const relay = await startSocksRelay(undefined, {}, DELAY_MS);
  onTestFinished(() => relay.close());
  const pair = await Pair.start({
    client: {
      uplinks: [
        { name: 'far', proxy: `socks5://127.0.0.1:${relay.port}` },
        { name: 'near', address: '127.0.0.2' },
      ],
      steering: { default: { mode: 'active-standby', order: ['far', 'near'], maxRtt: '400ms' } },
    },
  });
  onTestFinished(() => pair.close());
  await pair.client.untilLine('"subflow up"', { count: 2 });
  const origin = await startEcho();
  onTestFinished(() => origin.close());
  const { socket } = await socksConnect(pair.socks, origin);
  const metric = async (name: string, labels: Record<string, string>) =>
    (await pair.metrics('client')).sum(name, labels);
  const causes = async () => {
    socket.write(Buffer.alloc(PAYLOAD_BYTES));
    await readBytes(socket, PAYLOAD_BYTES);
    const { uplinks } = JSON.parse((await pair.get('client', '/status')).text);
    return uplinks.map(({ name, state, cause }: Record<string, string>) => `${name} ${state} ${cause}`);
  };
  await expect.poll(causes, { timeout: 20_000 }).toEqual(['far in-use beyond-limits', 'near in-use none']);

  const before = await metric('tributary_uplink_bytes_total', { uplink: 'far' });
  await causes();
  expect((await metric('tributary_uplink_bytes_total', { uplink: 'far' })) - before).toBeLessThan(
    PAYLOAD_BYTES,
  );
  const reason = { uplink: 'far', reason: 'beyond-limits' };
  expect(await metric('tributary_uplink_reason_info', reason)).toBe(1);
  expect((await pair.get('client', '/status.txt')).text).toMatch(
    /^far +in-use .* in use, but beyond the limits of active-standby: a round trip of \d+ ms, at most 400 ms$/m,
  );
  socket.destroy();
  await expect.poll(() => metric('tributary_uplink_reason_info', reason), { timeout: 20_000 }).toBe(0);
});
