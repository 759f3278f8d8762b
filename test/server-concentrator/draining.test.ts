import { expect, it } from 'vitest';
import { encodeControl } from '../../shared/protocol/codec/frame.ts';
import { serve } from '../support/serve.ts';
import { connect, keyOf, start } from './concentrator-bed.ts';

/** An origin that takes connections and keeps them. */
const origin = () => serve(() => {});

it('takes subflows of sessions that go on while it drains, and no new session', async () => {
  const allow = [{ target: { kind: 'cidr', cidr: '127.0.0.1/32' } }] as const;
  const egress = { allow, deny: [], connectTimeoutMs: 1_000, resolveTimeoutMs: 1_000 };
  const { concentrator, port } = await start(['laptop'], { drainTimeoutMs: 20_000 }, { egress });
  const client = await connect(port, 'laptop');
  const open = { type: 'open', streamId: 0, limit: 65_536, mode: 0, host: '127.0.0.1', port: await origin() };
  client.transport.write([encodeControl(open as Parameters<typeof encodeControl>[0])]);
  await expect
    .poll(() => client.frames)
    .toContainEqual(expect.objectContaining({ type: 'opened', ok: true }));
  const closed = concentrator.close();
  await expect.poll(() => client.frames).toContainEqual(expect.objectContaining({ type: 'goaway' }));

  // Its only uplink is lost for a moment.
  client.transport.destroy();
  await expect(connect(port, 'laptop')).rejects.toThrow('goingAway');
  const join = { token: client.welcome!.token, subflowId: 1 };
  const again = await connect(port, 'laptop', keyOf('laptop'), join);
  // What was not receipted on the first subflow comes on this one: it is the same session.
  await expect.poll(() => again.frames).toContainEqual(expect.objectContaining({ type: 'opened', ok: true }));
  void concentrator.close();
  await closed;
  await again.closed;
});
