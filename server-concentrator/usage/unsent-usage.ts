import { z } from 'zod';
import { jsonFormat, StateFile, type StateFileOptions } from '../../shared/runtime/files/state-file.ts';
import type { UsageBatch } from './usage-count.ts';

/** The name of the file in the state directory. */
export const UNSENT_FILE_NAME = 'unsent-usage.json';
const MAX_FILE_BYTES = 64 * 1024 * 1024;

const count = z.int().min(0);
const UNSENT = z.array(
  z.strictObject({
    writer: z.uuid(),
    number: z.int().min(1),
    hour: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}$/),
    counts: z.array(
      z.strictObject({ client: z.string(), upBytes: count, downBytes: count, connections: count }),
    ),
  }),
);

/** What was counted while the database was away, over a restart. */
export class UnsentUsage {
  readonly #file: StateFile<readonly UsageBatch[]>;
  readonly batches: readonly UsageBatch[];
  #isEmpty: boolean;

  private constructor(file: StateFile<readonly UsageBatch[]>, batches: readonly UsageBatch[]) {
    this.#file = file;
    this.batches = batches;
    this.#isEmpty = batches.length === 0;
  }

  static async open(
    file: string,
    logger: StateFileOptions<readonly UsageBatch[]>['logger'],
  ): Promise<UnsentUsage> {
    const { stateFile, state } = await StateFile.open<readonly UsageBatch[]>({
      file,
      format: jsonFormat<readonly UsageBatch[]>(UNSENT),
      what: 'usage of clients that is to be written to the database',
      maxBytes: MAX_FILE_BYTES,
      logger,
    });
    return new UnsentUsage(stateFile, state ?? []);
  }

  async keep(batches: readonly UsageBatch[]): Promise<void> {
    if (batches.length === 0 && this.#isEmpty) return;
    this.#isEmpty = batches.length === 0;
    await this.#file.save(() => batches);
  }
}
