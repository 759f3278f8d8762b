import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { Concentrator, ConcentratorEvents } from '../../../client-proxy/concentrators/concentrator.ts';
import { Concentrators } from '../../../client-proxy/concentrators/concentrators.ts';
import type { ConfiguredConcentrator } from '../../../client-proxy/config/client-config.ts';
import type { DialledUplink } from '../../../client-proxy/path-manager/uplink-role.ts';
import { SessionSecrets } from '../../../client-proxy/session/session-secrets.ts';
import type { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';

export const LIMIT = 1_000_000;
const ANSWER_MS = 150;
export const LTE: DialledUplink = {
  name: 'lte',
  binding: { kind: 'interface', interface: 'lte' },
  backup: false,
  rateLimit: { sendBytesPerSecond: LIMIT, receiveBytesPerSecond: 0, isMetered: false },
};
/** Whether sessions are heard since they were asked, and how often that was. */
class Asked {
  isHeard = true;
  count = 0;

  /** @returns what tells how often they have been asked since */
  hear(isHeard: boolean): () => number {
    this.isHeard = isHeard;
    const before = this.count;
    return () => this.count - before;
  }
}

/** A session that has carried and measured what is known for its name, and is heard at this moment or was never. */
const driverOf = (
  name: string,
  asked: Asked,
  carried: ReadonlyMap<string, number>,
  roundTrips: ReadonlyMap<string, number>,
  clock: () => number,
) => {
  const driver = {
    name,
    streamCount: 0,
    ...{ hasSubflow: true, startedMs: 0 },
    snapshot: () => ({
      subflows: [
        {
          ...{ uplinkName: 'lte', state: 'active', sinceHeardMs: asked.isHeard ? 0 : clock() },
          ...{ isMeasured: roundTrips.has(name), minRttMs: roundTrips.get(name) },
        },
      ],
      statistics: { sentBytes: carried.get(name) ?? 0, receivedBytes: 0 },
    }),
    input: (command: (session: object) => unknown) =>
      command({ subflows: { ask: () => void asked.count++ } }),
  };
  return driver as unknown as SessionDriver & { readonly name: string };
};
export const namesOf = (drivers: readonly SessionDriver[]) =>
  (drivers as readonly ReturnType<typeof driverOf>[]).map(({ name }) => name);
/** Each as `NAME`, or as `NAME@PLACE` where it is called otherwise than before. */
const named = (...names: readonly string[]): readonly ConfiguredConcentrator[] =>
  names.map((text) => {
    const [name, host = name] = text.split('@');
    const client = { id: 'laptop', key: new Uint8Array(32) };
    return {
      name: name!,
      client,
      concentrator: { addresses: [{ host: host!, port: 1 }], pins: [] },
    };
  });

/** Concentrators, the uplinks that each was last given, and what each has for a session. Only those that are `reached` are. */
export function several() {
  const given = new Map<string, readonly DialledUplink[]>();
  const reached = new Set<string>();
  const left: SessionDriver[] = [];
  const counts: number[] = [];
  const asked = new Asked();
  const carried = new Map<string, number>();
  const roundTrips = new Map<string, number>();
  const drained = {
    promise: Promise.resolve(),
    /** Those that leave have streams, until the call. */
    hold() {
      let done = () => {};
      drained.promise = new Promise((resolve) => {
        done = resolve;
      });
      return () => done();
    },
  };
  const time = { ms: 0, usedMs: undefined as number | undefined };
  const events: string[] = [];
  const looks = new Map<string, ConcentratorEvents>();
  /** Of the single uplink: it is lost. */
  const lose = (name: string) => {
    reached.delete(name);
    looks.get(name)!.onChanged();
  };
  const all = new Concentrators({
    make: (configured, { onChanged, onReviewed }) => {
      const driver = driverOf(configured.name, asked, carried, roundTrips, () => time.ms);
      looks.set(configured.name, { onChanged, onReviewed });
      const keeper = {
        setUplinks: (uplinks: readonly DialledUplink[]) => given.set(configured.name, uplinks),
        drivers: [driver],
        uplinks: [],
        current: driver,
        isFull: false,
        get isReachable() {
          return reached.has(configured.name);
        },
        drain: () => drained.promise,
        stop: () => Promise.resolve(),
        loseUplink: () => lose(configured.name),
        onUseChanged() {},
        giveUp() {},
      };
      const secrets = new SessionSecrets(configured);
      const publisher = { configure() {}, goAway() {} };
      return {
        get configured() {
          return secrets.configured;
        },
        ...{ keeper, secrets, publisher },
      } as unknown as Concentrator;
    },
    isUsable: () => true,
    onReviewed() {},
    onChanged() {},
    onSilent() {},
    onLeft: (drivers) => void left.push(...drivers),
    onCount: (count) => void counts.push(count),
    datagramsOf: () => ({ flowCount: 1, usedMs: time.usedMs }),
    onEvent: ({ concentrator, kind, reason }) => void events.push(`${concentrator} ${kind}: ${reason}`),
    clock: () => time.ms,
    logger: pino({ enabled: false }),
  });
  onTestFinished(() => all.stop());
  all.setUplinks([LTE]);
  const rateOf = (name: string) => given.get(name)?.[0]?.rateLimit?.sendBytesPerSecond;
  const configure = (...names: readonly string[]) => all.configure(named(...names), []);
  const look = (afterMs: number) => {
    time.ms += afterMs;
    [...looks.values()][0]!.onChanged();
  };
  /** These are reached from now on, and no others. It is looked at once, and again when those that are asked may have answered. */
  const reach = (...names: readonly string[]) => {
    reached.clear();
    for (const name of names) reached.add(name);
    look(0);
    look(ANSWER_MS);
  };
  /** Its paths say that it is reached, when all have just been looked at. */
  const review = (name: string) => {
    reached.add(name);
    looks.get(name)!.onReviewed();
  };
  const measure = (name: string, roundTripMs: number) => void roundTrips.set(name, roundTripMs);
  return {
    all,
    configure,
    measure,
    drained,
    carried,
    rateOf,
    given,
    asked,
    look,
    reach,
    review,
    left,
    counts,
    time,
    events,
  };
}
