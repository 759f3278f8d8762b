import { lstat, unlink } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Logger } from 'pino';
import { z } from 'zod';
import { writePrivateFile } from '../../shared/runtime/files/private-file.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';

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
    z.array(z.string().refine((text) => isIP(text) !== 0)).max(MAX_ADDRESSES),
  ),
});

/**
 * The addresses at which the concentrator was found under each of its names, on disk: where no name server answers, they are tried.
 * Only an address that has shown the pinned certificate is kept, so that a captive portal's answer is not.
 */
export class RememberedAddresses {
  readonly #file: string;
  readonly #logger: Pick<Logger, 'warn'>;
  /** The most recent one first. */
  #addresses: ReadonlyMap<string, readonly string[]>;
  #isChanged = false;
  #isWriting = false;
  #hasWarned = false;

  private constructor(
    file: string,
    addresses: ReadonlyMap<string, readonly string[]>,
    logger: Pick<Logger, 'warn'>,
  ) {
    this.#file = file;
    this.#addresses = addresses;
    this.#logger = logger;
  }

  /**
   * Reads the file. One that is not what this program writes is told of in the log, and replaced when there is something to write.
   * @param names of the configuration; others are forgotten
   */
  static async open(
    file: string,
    names: readonly string[],
    logger: Pick<Logger, 'warn'>,
  ): Promise<RememberedAddresses> {
    const read = await readAddresses(file);
    if ('problem' in read)
      logger.warn({ reason: read.problem }, 'the known addresses of the concentrator are lost');
    const known = 'problem' in read ? [] : read.addresses.filter(([name]) => names.includes(name));
    return new RememberedAddresses(file, new Map(known), logger);
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
    this.#isChanged = true;
    if (!this.#isWriting) void this.#write();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#isChanged) {
      this.#isChanged = false;
      const names = Object.fromEntries(this.#addresses);
      const text = `${JSON.stringify({ version: 1, names }, null, 2)}\n`;
      await replaceFile(this.#file, text).catch((error: Error) => {
        if (!this.#hasWarned) {
          this.#logger.warn({ reason: error.message }, 'the addresses of the concentrator cannot be kept');
        }
        this.#hasWarned = true;
      });
    }
    this.#isWriting = false;
  }
}

/** Never what a link in its place leads to. */
async function replaceFile(file: string, text: string): Promise<void> {
  if ((await kindOf(file)) === 'other') await unlink(file).catch(() => undefined);
  await writePrivateFile(file, text, { overwrite: true });
}

async function kindOf(file: string): Promise<'file' | 'other' | 'none'> {
  const found = await lstat(file).catch(() => undefined);
  if (found === undefined) return 'none';
  return found.isFile() ? 'file' : 'other';
}

type AddressesRead =
  | { readonly addresses: readonly (readonly [string, readonly string[]])[] }
  | { readonly problem: string };

async function readAddresses(file: string): Promise<AddressesRead> {
  const kind = await kindOf(file);
  if (kind === 'none') return { addresses: [] };
  // What a link leads to may be anybody's.
  if (kind === 'other') return { problem: `${file} is not a file` };
  const read = await readTextFile(file, MAX_FILE_BYTES);
  if ('problem' in read) return read;
  const parsed = FILE.safeParse(jsonOf(read.text));
  if (!parsed.success) return { problem: `${file} does not hold the addresses of concentrators` };
  return { addresses: Object.entries(parsed.data.names) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
