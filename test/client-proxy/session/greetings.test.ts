import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { DialledUplink } from '../../../client-proxy/path-manager/uplink-role.ts';
import { ClientSession } from '../../../client-proxy/session/client-session.ts';
import { FRAME_TYPE } from '../../../shared/protocol/codec/wire.ts';
import { Answered } from './answered.ts';
import { sessionOptions } from './session-options.ts';

const bound = (name: string): DialledUplink => ({
  name,
  binding: { kind: 'interface', interface: name },
  backup: false,
});

/** A session over uplinks whose first transports are made by `make`; all of them connect at once. */
function bed(make: (transport: Answered, uplink: string) => void, ...names: string[]) {
  const dialled: { uplink: string; transport: Answered; atMs: number }[] = [];
  const startMs = performance.now();
  const session = new ClientSession(
    {
      ...sessionOptions(),
      uplinks: names.map(bound),
      backoff: { minMs: 10, maxMs: 10 },
      connect({ name }) {
        const transport = new Answered('10.0.0.2');
        if (!dialled.some(({ uplink }) => uplink === name)) make(transport, name);
        dialled.push({ uplink: name, transport, atMs: performance.now() - startMs });
        return Promise.resolve(transport);
      },
    },
    { onSubflowUp() {}, onGoingAway() {}, onClosed() {} },
  );
  onTestFinished(() => session.close('goingAway'));
  session.start();
  const subflows = () =>
    session.driver?.snapshot().subflows.map(({ id, uplinkName }) => `${uplinkName} ${id}`);
  const until = (check: () => void) => vi.waitFor(check, { timeout: 6_000, interval: 5 });
  return { session, dialled, subflows, until, elapsedMs: () => performance.now() - startMs };
}

describe('the HELLO of a session', () => {
  it.each([1, 2, 3])('is said over the next uplink soon, with %i that swallow it', async (deaf) => {
    const names = ['a', 'b', 'c', 'd'];
    const swallow = (transport: Answered, uplink: string) => {
      transport.isDeaf = names.indexOf(uplink) < deaf;
    };
    const { session, subflows, until, elapsedMs } = bed(swallow, ...names);
    await until(() => expect(session.isReady).toBe(true));
    expect(elapsedMs()).toBeLessThan(deaf * 250 + 4_000);
    // It has the id of its HELLO; those that are behind it JOIN.
    await until(() => expect(subflows()).toEqual(names.slice(deaf).map((name, i) => `${name} ${deaf + i}`)));
  });

  it('is said once where it is answered soon', async () => {
    const { subflows, dialled, until } = bed(() => {}, 'a', 'b');
    await until(() => expect(subflows()).toEqual(['a 0', 'b 1']));
    expect(dialled.map(({ uplink }) => uplink)).toEqual(['a', 'b']);
  });

  it('makes a subflow of the same session where it is answered late', async () => {
    const swallow = (transport: Answered, uplink: string) => {
      transport.isDeaf = uplink === 'a';
    };
    const { dialled, subflows, until } = bed(swallow, 'a', 'b');
    await until(() => expect(subflows()).toEqual(['b 1']));
    dialled.find(({ uplink }) => uplink === 'a')!.transport.hear();
    await until(() => expect(subflows()).toEqual(['b 1', 'a 0']));
    expect(dialled).toHaveLength(2);
  });

  it('of a session that another concentrator has begun ends that, and the uplink joins the first', async () => {
    const swallow = (transport: Answered, uplink: string) => {
      transport.knowsFounding = false;
      if (uplink !== 'a') return;
      transport.isDeaf = true;
      transport.token = new Uint8Array(16).fill(9);
    };
    const { dialled, subflows, until } = bed(swallow, 'a', 'b');
    await until(() => expect(subflows()).toEqual(['b 0']));
    const { transport } = dialled.find(({ uplink }) => uplink === 'a')!;
    transport.hear();
    await until(() => expect(transport.isOpen).toBe(false));
    expect(transport.written.map(([type]) => type)).toContain(FRAME_TYPE.close);
    await until(() => expect(subflows()).toEqual(['b 0', 'a 2']));
  });

  it('lets those that wait go when the session is closed', async () => {
    const { session, dialled, until } = bed(
      (transport) => {
        transport.isDeaf = true;
      },
      'a',
      'b',
    );
    await until(() => expect(dialled).toHaveLength(2));
    session.close('goingAway');
    await until(() => expect(dialled.map(({ transport }) => transport.isOpen)).toEqual([false, false]));
  });
});
