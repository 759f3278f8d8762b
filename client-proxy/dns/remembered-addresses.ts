import { isIP } from 'node:net';
import type { Logger } from 'pino';
import * as z from 'zod';
import { jsonFormat, StateFile } from '../../shared/runtime/files/state-file.ts';

/** The name of the file in the state directory. */
export const ADDRESSES_FILE_NAME = 'concentrator-addresses.json';

/** A concentrator has an address of each family; some have moved, and some are behind several. */
const MAX_ADDRESSES = 8;
const MAX_NAMES = 64;
const MAX_FILE_BYTES = 64 * 1024;

const FILE = z.strictObject({
  version: z.literal(1),
  names: z.record(
    z.string().max(255),
    z
      .array(z.string().refine((text) => isIP(text) !== 0))
      .max(MAX_ADDRESSES)
      .readonly(),
  ),
});

/**
 * The addresses at which the concentrator was found under each of its names, on disk: where no name server answers, they are tried.
 * Only an address that has shown the pinned certificate is kept, so that a captive portal's answer is not.
 */
export class RememberedAddresses {
  readonly #file: StateFile<z.infer<typeof FILE>>;
  /** The most recent one first. */
  #addresses: ReadonlyMap<string, readonly string[]>;

  private constructor(
    file: StateFile<z.infer<typeof FILE>>,
    addresses: ReadonlyMap<string, readonly string[]>,
  ) {
    this.#file = file;
    this.#addresses = addresses;
  }

  /**
   * Reads the file. One that is not what this program writes is told of in the log, and set aside.
   * @param names of the configuration; others are forgotten
   */
  static async open(
    file: string,
    names: readonly string[],
    logger: Pick<Logger, 'warn' | 'info'>,
  ): Promise<RememberedAddresses> {
    const what = 'the known addresses of the concentrator';
    const options = { file, format: jsonFormat(FILE), what, maxBytes: MAX_FILE_BYTES, logger };
    const { stateFile, state } = await StateFile.open(options);
    const known = Object.entries(state?.names ?? {}).filter(([name]) => names.includes(name));
    return new RememberedAddresses(stateFile, new Map(known));
  }

  /** Those of a name; none where it has never been connected to. */
  of(name: string): readonly string[] {
    return this.#addresses.get(name) ?? [];
  }

  /** The concentrator was found at an address of a name. */
  learn(name: string, address: string): void {
    const known = this.of(name);
    if (known.includes(address)) return;
    const addresses = [address, ...known].slice(0, MAX_ADDRESSES);
    this.#addresses = new Map([...this.#addresses, [name, addresses] as const].slice(-MAX_NAMES));
    this.#file.save(() => ({ version: 1, names: Object.fromEntries(this.#addresses) }));
  }
}
