import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { Concentrators } from '../../../client-proxy/concentrators/concentrators.ts';
import { SessionKeeper } from '../../../client-proxy/session/session-keeper.ts';
import { SessionSecrets } from '../../../client-proxy/session/session-secrets.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import type { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';
import { Answered } from '../session/answered.ts';
import { sessionOptions } from '../session/session-options.ts';

it('has what waits at the only concentrator go on at the one that takes its place', async () => {
  const all = new Concentrators({
    make(configured, events) {
      const secrets = new SessionSecrets(configured);
      const keeper = new SessionKeeper({
        ...sessionOptions(),
        backoff: { minMs: 50, maxMs: 50 },
        openTimeoutMs: 10_000,
        connect: async () => {
          if (configured.name === 'dead') throw new Error('nobody there');
          return new Answered('192.168.1.2');
        },
        ...events,
        onSessionEnded() {},
      });
      const publisher = { configure() {}, goAway() {} };
      return { configured, secrets, keeper, publisher } as never;
    },
    isUsable: () => true,
    onReviewed() {},
    onChanged() {},
    onSilent() {},
    onLeft() {},
    onCount() {},
    datagramsOf: () => ({ flowCount: 0, usedMs: undefined }),
    onEvent() {},
    clock: () => performance.now(),
    logger: pino({ enabled: false }),
  });
  onTestFinished(() => all.stop());
  const configure = (name: string) => {
    const client = { id: 'laptop', key: new Uint8Array(32) };
    all.configure([{ name, client, concentrator: { addresses: [{ host: name, port: 1 }], pins: [] } }], []);
  };
  configure('dead');
  all.setUplinks([{ name: 'lan', binding: { kind: 'interface', interface: 'lan' }, backup: false }]);
  all.start();
  const opening = all.openStream(
    { host: 'www.test', port: 80 },
    () => ({ mode: 'aggregate' }),
    (driver: SessionDriver) => ({
      driver,
      ...{ onOpened() {}, onData() {}, onEnded() {}, onFailed() {}, onWritable() {} },
    }),
    new Cancellation(),
  );
  await new Promise((resolve) => setImmediate(resolve));
  configure('alive');
  expect((await opening).driver).toBe(all.current);
});
