import type { Logger } from 'pino';
import type { WallClock } from '../../shared/runtime/clock.ts';
import { ConfigError } from '../../shared/runtime/config/config-error.ts';
import { readConfigText } from '../../shared/runtime/config/read-config-text.ts';
import { withFileLock } from '../../shared/runtime/files/file-lock.ts';
import { writePrivateFile } from '../../shared/runtime/files/private-file.ts';
import type { ClientConfig } from './client-config.ts';
import { type ConfigEdit, ConfigEditError, describeEdit, subjectOf } from './edit/config-edit.ts';
import { withEdit } from './edit/edited-text.ts';
import { clientConfigFrom, digestOf } from './load-client-config.ts';

/** How long a change lasts: until the client is started again, or as the file says from now on. */
export const CHANGE_LASTS = ['until-restart', 'in-file'] as const;
export type ChangeLasts = (typeof CHANGE_LASTS)[number];

/** A change that is held. */
export interface HeldChange {
  /** What it is about; of each there is one. */
  readonly subject: string;
  /** For people. */
  readonly text: string;
}

export interface ConfigChangesOptions {
  /** What the client goes by now. */
  config(): ClientConfig;
  /** Has it go by another one. */
  reload(next: ClientConfig): Promise<void>;
  readonly wallClock: WallClock;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** Changes that are held; a person makes a handful. */
const MAX_HELD = 32;
/** How long another program that changes the file is waited for. */
const LOCK_WAIT_MS = 2_000;

/** Changes the configuration of a client that runs: what has been asked for, on top of what its file says, or in the file itself. */
export class ConfigChanges {
  readonly #options: ConfigChangesOptions;
  #held: readonly ConfigEdit[] = [];
  /** One change, or reload, at a time. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ConfigChangesOptions) {
    this.#options = options;
  }

  /** What the next start forgets. */
  get held(): readonly HeldChange[] {
    return this.#held.map((edit) => ({ subject: subjectOf(edit), text: describeEdit(edit) }));
  }

  /**
   * Rejects with ConfigEditError, ConfigError, FileWriteError or FileLockedError; neither the file nor what runs has changed then,
   * unless the message says that the file has.
   */
  make(edit: ConfigEdit, lasts: ChangeLasts): Promise<void> {
    return this.#inTurn(() => this.#make(edit, lasts));
  }

  /** Takes a change back that is held. Rejects as `make` does. */
  undo(subject: string): Promise<void> {
    return this.#inTurn(() => this.#undo(subject));
  }

  async #undo(subject: string): Promise<void> {
    const undone = this.#held.find((edit) => subjectOf(edit) === subject);
    if (undone === undefined) throw new ConfigEditError('this change is not held any more');
    await this.#hold(this.#held.filter((edit) => edit !== undone));
    this.#options.logger.info(
      { change: describeEdit(undone) },
      'a change of the configuration was taken back',
    );
  }

  /**
   * Has the client go by its file as it is now, with what is held on top; what has no place in it any more is given up. Rejects with
   * ConfigError, or as `reload` of the options.
   */
  reloadFile(): Promise<void> {
    return this.#inTurn(() => this.#reloadFile());
  }

  async #reloadFile(): Promise<void> {
    const { logger, reload } = this.#options;
    const { file } = this.#options.config();
    const text = await readConfigText(file);
    let config = await clientConfigFrom(text, file);
    const held: ConfigEdit[] = [];
    for (const edit of this.#held) {
      try {
        config = await clientConfigFrom(text, file, [...held, edit]);
        held.push(edit);
      } catch (error) {
        logger.warn(
          { change: describeEdit(edit), reason: wordsOf(error) },
          'a change does not hold any more',
        );
      }
    }
    await reload(config);
    this.#held = held;
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #make(edit: ConfigEdit, lasts: ChangeLasts): Promise<void> {
    const others = this.#held.filter((one) => subjectOf(one) !== subjectOf(edit));
    if (lasts === 'in-file') {
      await this.#write(edit, others);
      this.#held = others;
    } else {
      if (others.length >= MAX_HELD) throw new ConfigEditError(TOO_MANY);
      await this.#hold([...others, edit]);
    }
    this.#options.logger.info({ change: describeEdit(edit), lasts }, 'the configuration was changed');
  }

  async #hold(held: readonly ConfigEdit[]): Promise<void> {
    const { config, reload } = this.#options;
    await reload(await clientConfigFrom(await this.#knownText(), config().file, held));
    this.#held = held;
  }

  async #write(edit: ConfigEdit, held: readonly ConfigEdit[]): Promise<void> {
    const { wallClock, config, reload } = this.#options;
    const { file } = config();
    await withFileLock(file, { wallClock, waitMs: LOCK_WAIT_MS }, async (lock) => {
      const text = withEdit(await this.#knownText(), file, edit);
      // All that can fail comes first: by itself the file must be right, too.
      await clientConfigFrom(text, file);
      const next = await clientConfigFrom(text, file, held);
      await lock.confirm();
      // An editor knows nothing of the lock, and reading the key file took a moment.
      await this.#knownText();
      await writePrivateFile(file, text, { overwrite: true, rights: 'kept' });
      await reload(next).catch((error: unknown) => {
        throw new ConfigEditError(
          `${file} has the change, but the client could not go by it (${wordsOf(error)}): restart the client`,
          { cause: error },
        );
      });
    });
  }

  /** The text of the file, if it is what the client goes by. */
  async #knownText(): Promise<string> {
    const { file, digest } = this.#options.config();
    const text = await readConfigText(file);
    if (digestOf(text) === digest) return text;
    throw new ConfigEditError(
      `${file} has changed since the client read it: have the client read it (reload, SIGHUP), and then do this again`,
    );
  }
}

const TOO_MANY = `no more than ${MAX_HELD} changes are held: undo some, or make them for good`;

function wordsOf(error: unknown): string {
  if (error instanceof ConfigError) return error.problems.map(({ message }) => message).join('; ');
  return error instanceof Error ? error.message : String(error);
}
