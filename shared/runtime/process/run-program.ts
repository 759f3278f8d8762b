import type { Logger } from 'pino';
import { LogOutput } from '../observe/log-output.ts';
import { createLogger, type LoggerOptions } from '../observe/logger.ts';
import { type ProgramDeps, type ProgramProcess, programDeps } from './process-deps.ts';
import { type ProgramLife, untilStopped } from './process-life.ts';
import type { StandardStreams } from './standard-streams.ts';

/** How a program is told to go on. */
export type RunningProgram = Pick<ProgramLife, 'reload' | 'close'>;

/** The exit code after an internal error: EX_SOFTWARE of sysexits.h. */
export const INTERNAL_ERROR_EXIT_CODE = 70;
/** The last log lines get this long. A reader that lives takes them within milliseconds. */
const FLUSH_MS = 1_000;

/**
 * Runs a program until it is stopped, with a log on standard output. It goes on when that is full, closed, or not read. After an internal
 * error outside of a session, nothing that the program holds can be trusted: it is logged, and the process ends with
 * `INTERNAL_ERROR_EXIT_CODE`. Rejects with what `start` rejects with.
 * @param until resolves when the program has been stopped; by a signal where absent
 */
export async function runProgram(
  process: ProgramProcess,
  streams: StandardStreams,
  log: Pick<LoggerOptions, 'level' | 'format' | 'worker'>,
  start: (deps: ProgramDeps) => Promise<RunningProgram>,
  until: (life: ProgramLife) => Promise<void> = (life) => untilStopped(process, life),
): Promise<void> {
  const { logger, output } = openLog(streams, log);
  endAtInternalErrors(process, streams, logger, output);
  try {
    const logged = {
      logger,
      droppedLogLines: () => output.droppedLines,
      writeLogLine: (line: string) => output.write(line),
    };
    const program = await start(programDeps(process, logged));
    await until({ ...program, logger });
  } finally {
    await output.flush(FLUSH_MS);
    // A write that nobody reads would keep the process for ever.
    setTimeout(() => process.exit(), FLUSH_MS).unref();
  }
}

function openLog(
  streams: StandardStreams,
  options: Pick<LoggerOptions, 'level' | 'format' | 'worker'>,
): { logger: Logger; output: LogOutput } {
  const output = new LogOutput({
    sink: streams.openLog(),
    onLost: (reason) => {
      streams.complain(
        `the log cannot be written (${reason}): lines are lost until it can; the program goes on`,
      );
    },
    onRecovered: (lines) => logger.warn({ lines }, 'log lines were lost'),
  });
  const logger = createLogger({ ...options, isTty: streams.isTty, destination: output });
  return { logger, output };
}

function endAtInternalErrors(
  process: ProgramProcess,
  streams: StandardStreams,
  logger: Logger,
  output: LogOutput,
): void {
  let isEnding = false;
  // Also of rejected promises that nobody handles: Node.js makes them such an error.
  process.on('uncaughtException', (error, origin) => {
    if (isEnding) return;
    isEnding = true;
    logger.fatal({ err: error, origin }, 'internal error: the program ends');
    void output.flush(FLUSH_MS).then((isWritten) => {
      if (!isWritten)
        streams.complain(`internal error: ${error instanceof Error ? error.stack : String(error)}`);
      process.exit(INTERNAL_ERROR_EXIT_CODE);
    });
  });
}
