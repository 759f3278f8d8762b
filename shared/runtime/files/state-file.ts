import { lstat, unlink } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { writePrivateFile } from './private-file.ts';
import { readTextFile } from './read-file.ts';

export interface StateFileOptions<State> {
  readonly file: string;
  readonly schema: z.ZodType<State>;
  /** What it holds, for the log. */
  readonly what: string;
  readonly maxBytes: number;
  readonly logger: Pick<Logger, 'warn'>;
}

/**
 * Something small that a program has learned and that is as good after a restart: JSON in a private file, written whole. What the
 * file holds that this program has not written is told of in the log, and replaced when there is something to write.
 */
export class StateFile<State> {
  readonly #options: StateFileOptions<State>;
  #next: (() => State) | undefined;
  #isWriting = false;
  #hasWarned = false;

  private constructor(options: StateFileOptions<State>) {
    this.#options = options;
  }

  /** The file, and what it holds; undefined where there is nothing, or nothing that can be read. */
  static async open<State>(
    options: StateFileOptions<State>,
  ): Promise<{ readonly stateFile: StateFile<State>; readonly state: State | undefined }> {
    const read = await readState(options);
    if ('problem' in read) options.logger.warn({ reason: read.problem }, `${options.what} are lost`);
    return { stateFile: new StateFile(options), state: 'problem' in read ? undefined : read.state };
  }

  /** Writes the state as it is when its turn comes. */
  save(stateNow: () => State): void {
    this.#next = stateNow;
    if (!this.#isWriting) void this.#write();
  }

  async #write(): Promise<void> {
    const { file, what, logger } = this.#options;
    this.#isWriting = true;
    while (this.#next !== undefined) {
      const text = `${JSON.stringify(this.#next(), null, 2)}\n`;
      this.#next = undefined;
      await replaceFile(file, text).catch((error: Error) => {
        if (!this.#hasWarned) logger.warn({ reason: error.message }, `${what} cannot be kept`);
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

type StateRead<State> = { readonly state: State | undefined } | { readonly problem: string };

async function readState<State>({
  file,
  schema,
  what,
  maxBytes,
}: StateFileOptions<State>): Promise<StateRead<State>> {
  const kind = await kindOf(file);
  if (kind === 'none') return { state: undefined };
  // What a link leads to may be anybody's.
  if (kind === 'other') return { problem: `${file} is not a file` };
  const read = await readTextFile(file, maxBytes);
  if ('problem' in read) return read;
  const parsed = schema.safeParse(jsonOf(read.text));
  return parsed.success ? { state: parsed.data } : { problem: `${file} does not hold ${what}` };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
