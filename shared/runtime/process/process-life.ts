import type { Logger } from 'pino';
import { PartialReloadError } from '../config/reload.ts';

/** The part of `process` that a program's life depends on; handed in by main.ts. */
export interface ProcessSignals {
  on(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP', listener: () => void): unknown;
  off(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP', listener: () => void): unknown;
}

export interface ProgramLife {
  /** SIGHUP. Rejects when nothing has changed, or with PartialReloadError. */
  reload(): Promise<void>;
  /** The first SIGTERM or SIGINT: an orderly end. Called again by the second one: at once. */
  close(): Promise<void>;
  readonly logger: Logger;
}

/** Resolves when the program has been stopped by SIGTERM or SIGINT. */
export async function untilStopped(signals: ProcessSignals, life: ProgramLife): Promise<void> {
  let reloading = Promise.resolve();
  const reload = () => {
    // One reload after the other: a slow one must not undo one that was asked for later.
    reloading = reloading
      .then(() => life.reload())
      .catch((error: Error) => {
        const outcome =
          error instanceof PartialReloadError
            ? 'reload failed; some changes hold and others do not: restart the program'
            : 'reload failed; nothing has changed';
        life.logger.error({ reason: error.message }, outcome);
      });
  };
  signals.on('SIGHUP', reload);
  try {
    await new Promise<void>((resolve, reject) => {
      const stop = () => {
        life.close().then(resolve, reject);
      };
      signals.on('SIGTERM', stop);
      signals.on('SIGINT', stop);
    });
  } finally {
    signals.off('SIGHUP', reload);
  }
  life.logger.info('stopped');
}
