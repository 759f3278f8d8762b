import { lstat, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type * as z from 'zod';
import { writePrivateFile } from './private-file.ts';
import { readBytesFile } from './read-file.ts';

/** How a state is written down. */
export interface StateFormat<State> {
  encode(state: State): string | Uint8Array | Promise<Uint8Array>;
  /** @returns undefined for what is no such state */
  decode(bytes: Buffer): State | undefined | Promise<State | undefined>;
}

/** JSON in lines, which people can read. */
export function jsonFormat<State>(schema: z.ZodType<State>): StateFormat<State> {
  return {
    encode: (state) => `${JSON.stringify(state, null, 2)}\n`,
    decode: (bytes) => schema.safeParse(jsonOf(bytes.toString('utf8'))).data,
  };
}

export interface StateFileOptions<State> {
  readonly file: string;
  readonly format: StateFormat<State>;
  /** What it holds, for the log. */
  readonly what: string;
  readonly maxBytes: number;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
}

/**
 * Something small that a program has learned and that is as good after a restart, in a private file, written whole. A file that this
 * program has not written is told of in the log, and set aside. While it cannot be written, the log says so once, and then that it can.
 */
export class StateFile<State> {
  readonly #options: StateFileOptions<State>;
  #next: (() => State) | undefined;
  #writing: Promise<boolean> | undefined;
  #isInTrouble = false;

  private constructor(options: StateFileOptions<State>) {
    this.#options = options;
  }

  /** The file, and what it holds; undefined where there is nothing, or nothing that can be read. */
  static async open<State>(
    options: StateFileOptions<State>,
  ): Promise<{ readonly stateFile: StateFile<State>; readonly state: State | undefined }> {
    const { file, what, logger } = options;
    await removeLeftovers(file);
    const read = await readState(options);
    const stateFile = new StateFile(options);
    if (!('problem' in read)) return { stateFile, state: read.state };
    const kept = await setAside(file);
    logger.warn({ reason: read.problem, ...(kept === undefined ? {} : { kept }) }, `${what} are lost`);
    return { stateFile, state: undefined };
  }

  /**
   * Writes the state as it is when its turn comes. Resolves once nothing waits to be written, to whether the last one that was given is on
   * the disk; never rejects. Nothing is tried again by itself.
   */
  save(stateNow: () => State): Promise<boolean> {
    this.#next = stateNow;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #write(): Promise<boolean> {
    const { file, format, what, logger } = this.#options;
    let isWritten = false;
    while (this.#next !== undefined) {
      const state = this.#next();
      this.#next = undefined;
      try {
        await replaceFile(file, await format.encode(state));
        isWritten = true;
        if (this.#isInTrouble) logger.info({ file }, `${what} are kept again`);
        this.#isInTrouble = false;
      } catch (error) {
        isWritten = false;
        if (!this.#isInTrouble) logger.warn({ reason: (error as Error).message }, `${what} cannot be kept`);
        this.#isInTrouble = true;
      }
    }
    return isWritten;
  }
}

/** Where a damaged file is kept, in the place of one that was kept before. */
export function damagedName(file: string): string {
  return `${file}.damaged`;
}

/** @returns where it is now; undefined if it stays where it is, such as what is no file */
async function setAside(file: string): Promise<string | undefined> {
  if ((await kindOf(file)) !== 'file') return undefined;
  const kept = damagedName(file);
  return rename(file, kept).then(
    () => kept,
    () => undefined,
  );
}

/** Never what a link in its place leads to. */
async function replaceFile(file: string, content: string | Uint8Array): Promise<void> {
  if ((await kindOf(file)) === 'other') await unlink(file).catch(() => undefined);
  await writePrivateFile(file, content, { overwrite: true });
}

/** What a program that was killed has left of a file that it was writing. */
async function removeLeftovers(file: string): Promise<void> {
  const directory = dirname(file);
  const prefix = `.${basename(file)}.`;
  for (const name of await readdir(directory).catch(() => [])) {
    if (name.startsWith(prefix)) await unlink(join(directory, name)).catch(() => undefined);
  }
}

async function kindOf(file: string): Promise<'file' | 'other' | 'none'> {
  const found = await lstat(file).catch(() => undefined);
  if (found === undefined) return 'none';
  return found.isFile() ? 'file' : 'other';
}

type StateRead<State> = { readonly state: State | undefined } | { readonly problem: string };

async function readState<State>({
  file,
  format,
  what,
  maxBytes,
}: StateFileOptions<State>): Promise<StateRead<State>> {
  const kind = await kindOf(file);
  if (kind === 'none') return { state: undefined };
  // What a link leads to may be anybody's.
  if (kind === 'other') return { problem: `${file} is not a file` };
  const read = await readBytesFile(file, maxBytes);
  if ('problem' in read) return read;
  const state = await format.decode(read.bytes);
  return state === undefined ? { problem: `${file} does not hold ${what}` } : { state };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
