import { type Logger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { LogFormat, LogLevel } from '../config/schema-pieces.ts';
import { REDACTED, SECRET_FIELDS, scrubSecrets } from '../text/scrub.ts';

/** Where log lines go. */
export interface LogDestination {
  write(line: string): unknown;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Whether a person reads along: what `auto` makes lines pretty for. */
  readonly isTty: boolean;
  /** Which of the processes of a program this is; told in each line. */
  readonly worker?: number | undefined;
  readonly destination: LogDestination;
}

/**
 * Makes the program's logger: JSON lines, or readable ones on a terminal. `logger.level = ...` changes the level while
 * it runs. Two filters keep secrets out: fields with the names of secrets are redacted down to a depth of
 * `REDACTION_DEPTH`, and links and URL credentials are removed from each finished line.
 */
export function createLogger({ level, format, isTty, worker, destination }: LoggerOptions): Logger {
  const pretty = format === 'pretty' || (format === 'auto' && isTty);
  const render = pretty ? prettyFactory({ colorize: isTty, ignore: 'pid,hostname' }) : (line: string) => line;
  return pino(
    {
      level,
      // The service manager or the container knows both.
      base: worker === undefined ? null : { worker },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redactionPaths(), censor: REDACTED },
    },
    { write: (line: string) => destination.write(render(scrubSecrets(line))) },
  );
}

/** Deeper objects are not logged here: a configuration's uplink is `config.uplinks[0].binding.password`. */
const REDACTION_DEPTH = 5;

function redactionPaths(): string[] {
  return Array.from({ length: REDACTION_DEPTH }, (_, depth) => '*.'.repeat(depth)).flatMap((prefix) =>
    SECRET_FIELDS.map((field) => `${prefix}${field}`),
  );
}
