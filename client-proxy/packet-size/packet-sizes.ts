import { join } from 'node:path';
import * as z from 'zod';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { isSameHost } from '../../shared/runtime/address/ip-address.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { jsonFormat, StateFile, type StateFileOptions } from '../../shared/runtime/files/state-file.ts';
import { keepRecent } from '../../shared/runtime/keep-recent.ts';
import type { LineLog } from '../../shared/runtime/observe/line-limit.ts';

/** The name of the file in the state directory. */
export const PACKET_SIZES_FILE_NAME = 'packet-sizes.json';

/**
 * Lengths of IP packets that are tried where longer ones vanish, in bytes. 1280 is what IPv6 asks of every link (RFC 8200), and
 * passes all common tunnels; against packets of 1500 it costs 1.5 % of the rate. 576 is what IPv4 asks of every host (RFC 791).
 */
const SMALL_PACKET_BYTES = [1280, 1024, 576] as const;
/** The full length is tried again after so long, then after twice as long, and so on. */
const FIRST_TRIAL_MS = 30_000;
const MAX_TRIAL_MS = 30 * 60_000;
/** Ways that are remembered; beyond it, the one learned first is learned anew when it is dialled. */
const MAX_WAYS = 256;

const MAX_FILE_BYTES = 128 * 1024;

const WAY = z.strictObject({
  uplink: z.string().max(64),
  packetBytes: z.number().int().min(576).max(1280),
  /** The client's address when that was learned: with another one it may be another network. */
  localHost: z.string().max(255),
});
const FILE = z.strictObject({ version: z.literal(1), ways: z.record(z.string().max(400), WAY) });
type Kept = z.infer<typeof FILE>;

interface SmallWay extends Readonly<Kept['ways'][string]> {
  readonly trialWaitMs: number;
  readonly trialAtMs: number;
}

/** On which ways long packets vanish: from an uplink to an address of the concentrator. Outlives sessions and the process. */
export class PacketSizes {
  readonly #clock: MonotonicClock;
  readonly #logger: LineLog;
  readonly #ownAddresses: () => readonly string[];
  readonly #file: Pick<StateFile<Kept>, 'save'> | undefined;
  readonly #small = new Map<string, SmallWay>();

  /** @param ownAddresses of this machine, as they are now @param file where what is learned is kept, if anywhere */
  constructor(
    clock: MonotonicClock,
    logger: LineLog,
    ownAddresses: () => readonly string[],
    file?: Pick<StateFile<Kept>, 'save'>,
  ) {
    this.#clock = clock;
    this.#ownAddresses = ownAddresses;
    this.#logger = logger;
    this.#file = file;
  }

  /** With what was learned before; the full length is tried again soon. */
  static async open(
    stateDirectory: string,
    clock: MonotonicClock,
    logger: LineLog & StateFileOptions<Kept>['logger'],
    ownAddresses: () => readonly string[],
  ): Promise<PacketSizes> {
    const what = 'the lengths of packets that get through';
    const file = join(stateDirectory, PACKET_SIZES_FILE_NAME);
    const options = { file, format: jsonFormat(FILE), what, maxBytes: MAX_FILE_BYTES, logger };
    const { stateFile, state } = await StateFile.open(options);
    const sizes = new PacketSizes(clock, logger, ownAddresses, stateFile);
    const trial = { trialWaitMs: FIRST_TRIAL_MS, trialAtMs: clock() + FIRST_TRIAL_MS };
    for (const [key, way] of Object.entries(state?.ways ?? {}).slice(0, MAX_WAYS)) {
      sizes.#small.set(key, { ...way, ...trial });
    }
    return sizes;
  }

  /** The longest packets that get through, in bytes; undefined where nothing has vanished. */
  limitOf(uplinkName: string, address: Destination): number | undefined {
    return this.#small.get(keyOf(uplinkName, address))?.packetBytes;
  }

  /**
   * The longest packets for connections over an uplink to anywhere, in bytes: where longer ones vanish on a way to the concentrator, the
   * fault lies in the uplink as a rule, and shorter packets than needed cost 1.5 %. Undefined where nothing has vanished in the network
   * that the uplink is in, or nobody has tried the full length for long: the way may be used no more.
   */
  limitOfUplink(uplinkName: string): number | undefined {
    const untilMs = this.#clock() - MAX_TRIAL_MS;
    const recent = [...this.#small.values()].filter(
      ({ uplink, trialAtMs }) => uplink === uplinkName && trialAtMs > untilMs,
    );
    if (recent.length === 0) return undefined;
    const own = this.#ownAddresses();
    const limits = recent.flatMap(({ localHost, packetBytes }) =>
      own.some((address) => isSameHost(address, localHost)) ? [packetBytes] : [],
    );
    return limits.length === 0 ? undefined : Math.min(...limits);
  }

  /** What to try on the way, one after the other; undefined stands for the full length. */
  candidates(uplinkName: string, address: Destination): readonly (number | undefined)[] {
    const known = this.limitOf(uplinkName, address);
    const smaller = SMALL_PACKET_BYTES.filter((bytes) => bytes < (known ?? Number.POSITIVE_INFINITY));
    return [known, ...smaller];
  }

  /** Longer packets have vanished, and these have got through. */
  onSmall(uplink: string, address: Destination, packetBytes: number, localHost: string): void {
    const key = keyOf(uplink, address);
    const known = this.#small.get(key);
    if (known?.packetBytes === packetBytes) return;
    const trialWaitMs = known?.trialWaitMs ?? FIRST_TRIAL_MS;
    const trialAtMs = this.#clock() + trialWaitMs;
    const way = { uplink, packetBytes, localHost, trialWaitMs, trialAtMs };
    keepRecent(this.#small, key, way, MAX_WAYS);
    this.#keep();
    const fields = { uplink, concentrator: formatDestination(address), packetBytes };
    this.#logger.warn(fields, `longer packets vanish on the way: ${PACKET_ADVICE}`);
  }

  /** Packets of full length get through. */
  onFull(uplinkName: string, address: Destination): void {
    if (!this.#small.delete(keyOf(uplinkName, address))) return;
    this.#keep();
    const fields = { uplink: uplinkName, concentrator: formatDestination(address) };
    this.#logger.info(fields, 'packets of full length get through again');
  }

  /** Whether it is time to try the full length again. @param localHost of the connection that is up */
  isTrialDue(uplinkName: string, address: Destination, localHost: string | undefined): boolean {
    const way = this.#small.get(keyOf(uplinkName, address));
    if (way === undefined) return false;
    const isElsewhere = localHost !== undefined && localHost !== way.localHost;
    return isElsewhere || this.#clock() >= way.trialAtMs;
  }

  /** The full length is being tried; if it fails, the next trial is later. */
  onTrial(uplinkName: string, address: Destination, localHost: string | undefined): void {
    const key = keyOf(uplinkName, address);
    const way = this.#small.get(key);
    if (way === undefined) return;
    const isElsewhere = localHost !== undefined && localHost !== way.localHost;
    const trialWaitMs = isElsewhere ? FIRST_TRIAL_MS : Math.min(way.trialWaitMs * 2, MAX_TRIAL_MS);
    this.#small.set(key, {
      ...way,
      localHost: localHost ?? way.localHost,
      trialWaitMs,
      trialAtMs: this.#clock() + trialWaitMs,
    });
  }

  #keep(): void {
    this.#file?.save(() => ({
      version: 1,
      ways: Object.fromEntries(
        [...this.#small].map(([key, { uplink, packetBytes, localHost }]) => [
          key,
          { uplink, packetBytes, localHost },
        ]),
      ),
    }));
  }
}

/** What somebody can do where long packets vanish and this program can do nothing, or as little as possible. */
export const PACKET_ADVICE =
  'something on the path drops them and lets no ICMP through; where you can, lower the MTU of the interface ' +
  '(`ip link set dev NAME mtu 1280`), or let both ends probe (`sysctl -w net.ipv4.tcp_mtu_probing=1`)';

function keyOf(uplinkName: string, address: Destination): string {
  return `${uplinkName} ${formatDestination(address)}`;
}
