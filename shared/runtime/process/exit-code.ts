import type { ProgramProcess } from './process-deps.ts';
import type { StandardStreams } from './standard-streams.ts';

/** What both programs do with the exit code of their command line. A result that could not be printed is a failure. */
export function endWith(process: ProgramProcess, streams: StandardStreams, code: number): void {
  process.exitCode = code;
  streams.onceFailed(() => {
    process.exitCode ||= 1;
  });
}
