import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from '../bed/namespace.ts';
import { activityOf } from '../support/wakes.ts';
import { type Place, TwoConcentrators } from '../system/support/two-concentrators.ts';

/** What an idle client costs. */
export interface IdleCost {
  readonly title: string;
  readonly wakesPerSecond: number;
  readonly corePercent: number;
  /** IP packets between the client and a concentrator over an uplink, both directions. */
  readonly carried: readonly {
    readonly concentrator: Place;
    readonly uplink: string;
    readonly bytesPerMinute: number;
  }[];
}

interface IdleCase {
  readonly title: string;
  readonly places: readonly Place[];
  readonly metered: readonly string[];
}

const UPLINKS = ['wan0', 'wan1'] as const;
/** The clients that are watched. */
export const IDLE_CASES: readonly IdleCase[] = [
  { title: 'one concentrator', places: ['near'], metered: [] },
  { title: 'two', places: ['near', 'far'], metered: [] },
  { title: 'two, wan0 metered', places: ['near', 'far'], metered: ['wan0'] },
  { title: 'one, both metered', places: ['near'], metered: UPLINKS },
  { title: 'two, both metered', places: ['near', 'far'], metered: UPLINKS },
];
/** A session that has just carried something is not only kept ready for half a minute yet. */
const SETTLE_MS = 40_000;

/** Watches a client that has nothing to do. */
export async function measureIdle(one: IdleCase, seconds: number): Promise<IdleCost> {
  console.log(`idle: ${one.title} ...`);
  const it = await TwoConcentrators.create();
  try {
    return await costOf(it, one, seconds);
  } finally {
    await it.close();
  }
}

async function costOf(
  it: TwoConcentrators,
  { title, places, metered }: IdleCase,
  seconds: number,
): Promise<IdleCost> {
  for (const place of places) await it.startConcentrator(place);
  for (const place of places) await it.join(place);
  const uplinks = UPLINKS.map((name) => ({
    ...{ name, interface: name },
    ...(metered.includes(name) ? { metered: {} } : {}),
  }));
  await it.amend({ uplinks, log: { level: 'info', format: 'json' } });
  const client = await it.startClient();
  await it.untilStatus((all) => places.every((place) => all.get(place)?.state === 'established'));
  const counters = await Counters.start(it.bed.client, places, (place) => it.address(place));
  await sleep(SETTLE_MS);
  const before = { ...(await activityOf(client.pid)), bytes: await counters.read() };
  const startMs = performance.now();
  await sleep(seconds * 1_000);
  const after = { ...(await activityOf(client.pid)), bytes: await counters.read() };
  const tookMs = performance.now() - startMs;
  return {
    title,
    wakesPerSecond: (after.wakes - before.wakes) / (tookMs / 1_000),
    corePercent: (100 * (after.ranMs - before.ranMs)) / tookMs,
    carried: places.flatMap((concentrator) =>
      UPLINKS.map((uplink) => {
        const key = keyOf(concentrator, uplink);
        const bytes = after.bytes.get(key)! - before.bytes.get(key)!;
        return { concentrator, uplink, bytesPerMinute: (bytes * 60_000) / tookMs };
      }),
    ),
  };
}

const keyOf = (place: Place, uplink: string) => `${place}_${uplink}`;

/** The kernel's counters of packets between a client and concentrators, by uplink. */
class Counters {
  readonly #client: Namespace;

  private constructor(client: Namespace) {
    this.#client = client;
  }

  static async start(
    client: Namespace,
    places: readonly Place[],
    addressOf: (place: Place) => string,
  ): Promise<Counters> {
    const pairs = places.flatMap((place) => UPLINKS.map((uplink) => ({ place, uplink })));
    const rules = (device: string, address: string) =>
      pairs
        .map(
          ({ place, uplink }) =>
            `${device} ${uplink} ip ${address} ${addressOf(place)} counter name ${keyOf(place, uplink)};`,
        )
        .join(' ');
    const table = [
      ...pairs.map(({ place, uplink }) => `counter ${keyOf(place, uplink)} {}`),
      `chain out { type filter hook postrouting priority 0; ${rules('oifname', 'daddr')} }`,
      `chain in { type filter hook prerouting priority 0; ${rules('iifname', 'saddr')} }`,
    ].join('\n');
    await client.exec('nft', ['-f', '-'], { input: `table ip idle {\n${table}\n}\n` });
    return new Counters(client);
  }

  /** Bytes by `keyOf`. */
  async read(): Promise<ReadonlyMap<string, number>> {
    const text = await this.#client.exec('nft', ['-j', 'list', 'counters', 'table', 'ip', 'idle']);
    const { nftables } = JSON.parse(text) as {
      readonly nftables: readonly { readonly counter?: { readonly name: string; readonly bytes: number } }[];
    };
    return new Map(
      nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter.bytes] as const] : [])),
    );
  }
}
