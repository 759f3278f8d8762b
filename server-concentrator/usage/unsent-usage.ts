import * as z from 'zod';
import { jsonFormat, StateFile, type StateFileOptions } from '../../shared/runtime/files/state-file.ts';
import type { UsageBatch } from './usage-count.ts';

/** The name of the file in the state directory. */
export const UNSENT_FILE_NAME = 'unsent-usage.json';
const MAX_FILE_BYTES = 64 * 1024 * 1024;

const count = z.int().min(0);
const UNSENT = z.array(
  z.strictObject({
    /** Which one it is for; absent in what the first version has written. */
    database: z.string().optional(),
    writer: z.uuid(),
    number: z.int().min(1),
    hour: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}$/),
    counts: z.array(
      z.strictObject({ client: z.string(), upBytes: count, downBytes: count, connections: count }),
    ),
  }),
);

interface Unsent extends UsageBatch {
  readonly database?: string | undefined;
}

/** What was counted while the database was away, over a restart. */
export class UnsentUsage {
  readonly #file: StateFile<readonly Unsent[]>;
  readonly #database: string;
  readonly batches: readonly UsageBatch[];
  /** They wait until the configuration names their database again. */
  readonly #ofOthers: readonly Unsent[];
  #isEmpty: boolean;

  private constructor(file: StateFile<readonly Unsent[]>, database: string, all: readonly Unsent[]) {
    const isOwn = (batch: Unsent) => (batch.database ?? database) === database;
    this.#file = file;
    this.#database = database;
    this.batches = all.filter(isOwn).map(({ database: _, ...batch }) => batch);
    this.#ofOthers = all.filter((batch) => !isOwn(batch));
    this.#isEmpty = this.batches.length === 0;
  }

  /** @param database its name: what was counted for another one is not written to it */
  static async open(
    file: string,
    database: string,
    logger: StateFileOptions<readonly Unsent[]>['logger'],
  ): Promise<UnsentUsage> {
    const { stateFile, state } = await StateFile.open<readonly Unsent[]>({
      file,
      format: jsonFormat<readonly Unsent[]>(UNSENT),
      what: 'usage of clients that is to be written to the database',
      maxBytes: MAX_FILE_BYTES,
      logger,
    });
    const unsent = new UnsentUsage(stateFile, database, state ?? []);
    const others = new Set(unsent.#ofOthers.map((batch) => batch.database));
    if (others.size > 0)
      logger.warn({ file, databases: [...others] }, 'usage of clients waits for another database');
    return unsent;
  }

  async keep(batches: readonly UsageBatch[]): Promise<void> {
    if (batches.length === 0 && this.#isEmpty) return;
    const own = batches.map((batch) => ({ ...batch, database: this.#database }));
    const isWritten = await this.#file.save(() => [...this.#ofOthers, ...own]);
    if (isWritten) this.#isEmpty = batches.length === 0;
  }
}
