import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../support/needs.ts';
import { Fleet, type Machine } from './support/fleet.ts';
import { describeSystem, expectWhole, report } from './support/system.ts';
import { download } from './support/transfer.ts';

const paths = [
  { name: 'wan0', downMbps: 30, upMbps: 30 },
  { name: 'wan1', downMbps: 30, upMbps: 30 },
];
const SMALL_BYTES = 10_000;
const DRAIN_MS = 3_000;

/** New connections while three machines are upgraded, which takes half a minute. */
const LEAST_SERVED = 20;

/** From here on the client's connections go to another machine. */
const GOAL_MS = 2_000;
/** On a machine that does much else. */
const LENIENT_MS = 2 * GOAL_MS;

describe('a fleet', needs('haproxy'), () => {
  describeSystem('three concentrators behind HAProxy', { paths, congestionControl: 'bbr' }, (system) => {
    let fleet: Fleet;
    beforeAll(async () => {
      const { pair } = system();
      fleet = await Fleet.start(pair, (name) => ({
        joinName: `${name}.fleet.example.org`,
        limits: { drainTimeout: `${DRAIN_MS / 1_000}s` },
      }));
    });
    afterAll(() => fleet?.close());
    let lost: Machine | undefined;
    afterEach(async () => {
      await system().pair.stopClient();
      if (lost) await fleet.renew(lost);
      lost = undefined;
    });

    const startClient = async () => {
      const { pair } = system();
      await pair.withClientChanges(
        'concentrator',
        { addresses: [`${pair.network.concentrator.address.v4}:8443`] },
        () => pair.startClient(),
      );
      await pair.untilUp(['wan0', 'wan1']);
      return fleet.home();
    };

    /** Milliseconds until a new connection has got something. */
    const untilServed = async () => {
      const startMs = performance.now();
      while (performance.now() - startMs < 30_000) {
        const { exitCode } = await download(system().pair, SMALL_BYTES, { maxSeconds: 10 }).done;
        if (exitCode === 0) return performance.now() - startMs;
      }
      throw new Error('no new connection gets through');
    };

    const subflows = ({ program }: Machine) => program.metric('tributary_subflows');

    test('both subflows of a session lead to one machine, and it knows whose they are', async () => {
      const { pair } = system();
      const home = await startClient();
      expect(await subflows(home)).toBe(2);
      for (const machine of fleet.machines) {
        if (machine !== home) expect((await machine.program.status()).sessions).toHaveLength(0);
      }
      const remotes = home.program.log.filter(({ msg, result }) => msg === 'subflow handshake' && result);
      const clients = pair.network.paths.map(({ address }) => address.v4);
      expect(new Set(remotes.map(({ remote }) => remote))).toEqual(new Set(clients));
      // Before there is a name each uplink makes a connection: one has the session, and the other is made anew.
      const remotesOf = ({ program }: Machine) =>
        program.log
          .filter(({ msg }) => msg === 'subflow handshake' || msg === 'subflow refused')
          .map(({ remote }) => remote);
      const made = clients.map(
        (client) => fleet.machines.flatMap(remotesOf).filter((remote) => remote === client).length,
      );
      report(`connections of each uplink until the session has both: ${made.join(', ')}`);
      expect(Math.min(...made)).toBe(1);
      expect(Math.max(...made)).toBeLessThanOrEqual(2);
      const { mbps } = await expectWhole(download(pair, 12_000_000), 12_000_000);
      report(`a download over two uplinks of 30 Mbit/s through the balancer: ${mbps.toFixed(1)} Mbit/s`);
    });

    test('a program is killed: new connections work again at once, on another machine', async () => {
      const home = await startClient();
      lost = home;
      home.program.signal('SIGKILL');
      const tookMs = await untilServed();
      report(`a concentrator killed: served again after ${tookMs.toFixed(0)} ms (goal ${GOAL_MS})`);
      expect(tookMs).toBeLessThan(LENIENT_MS);
      const next = await fleet.home(home);
      await expect.poll(() => subflows(next), { timeout: 10_000 }).toBe(2);
    });

    test('a machine is silent: the same', async () => {
      const home = await startClient();
      lost = home;
      await fleet.cut(home);
      const tookMs = await untilServed();
      report(`a machine without power: served again after ${tookMs.toFixed(0)} ms (goal ${GOAL_MS})`);
      expect(tookMs).toBeLessThan(LENIENT_MS);
      await fleet.home(home);
    });

    test('each machine is upgraded: no new connection fails, and a long one has until the end of the drain', async () => {
      const { pair } = system();
      await startClient();
      let isOver = false;
      const failures: string[] = [];
      let served = 0;
      const load = (async () => {
        while (!isOver) {
          const { exitCode, stderr } = await download(pair, SMALL_BYTES).done;
          if (exitCode === 0) served++;
          else failures.push(stderr);
        }
      })();
      const lasted: number[] = [];
      for (let i = 0; i < fleet.machines.length; i++) {
        const home = await fleet.home();
        // Fast enough to have little in its socket's buffer, which it may read to the end.
        const long = download(pair, 100_000_000, { limitRate: 3_000_000 });
        await long.reached(100_000);
        const startMs = performance.now();
        home.program.signal('SIGTERM');
        await home.program.exited;
        lasted.push(performance.now() - startMs);
        const { exitCode } = await long.done;
        expect(exitCode).not.toBe(0);
        await fleet.restart(home);
        await sleep(1_500);
      }
      isOver = true;
      await load;
      report(
        `three machines upgraded: ${served} new connections, ${failures.length} failed; long ones went on for ` +
          `${lasted.map((ms) => ms.toFixed(0)).join(', ')} ms of ${DRAIN_MS}`,
      );
      expect(failures).toEqual([]);
      expect(served).toBeGreaterThan(LEAST_SERVED);
      for (const ms of lasted) expect(ms).toBeGreaterThan(DRAIN_MS * 0.95);
    });
  });

  describeSystem('the same by announced addresses', { paths, congestionControl: 'cubic' }, (system) => {
    let fleet: Fleet;
    beforeAll(async () => {
      // The C flag: the balancer leads to any machine, so further subflows go to the machine itself.
      fleet = await Fleet.start(system().pair, (_name, address) => ({
        announce: { addresses: [`${address}:8443`], joinHere: false },
      }));
    });
    afterAll(() => fleet?.close());

    test('a session has its first subflow through the balancer, and the other one directly', async () => {
      const { pair } = system();
      await pair.withClientChanges(
        'concentrator',
        { addresses: [`${pair.network.concentrator.address.v4}:8443`] },
        () => pair.startClient(),
      );
      await pair.untilUp(['wan0', 'wan1']);
      const home = await fleet.home();
      const up = pair.client.log
        .filter(({ msg }) => msg === 'subflow up')
        .map(({ concentrator }) => concentrator);
      expect(up).toEqual([
        `${pair.network.concentrator.address.v4}:8443`,
        `${home.namespace.address.v4}:8443`,
      ]);
      await expectWhole(download(pair, 5_000_000), 5_000_000);
    });
  });
});
