import { pino } from 'pino';
import { Cancellation } from '../shared/runtime/async/cancellation.ts';
import { type ProgramProcess, programDeps } from '../shared/runtime/process/process-deps.ts';
import { assemble } from './assemble.ts';
import type { ClientCliDeps } from './cli/client-cli-deps.ts';
import { SpeedTestError } from './speedtest/subjects.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Speed tests of the command line: each with a client of its own, which logs nothing, and ends when the process is asked to. */
export function speedTestOf(process: ProgramProcess, stateDirectory: string): ClientCliDeps['speedTest'] {
  return async (config, request, onProgress) => {
    const stopped = new Cancellation();
    const stop = () => stopped.abort(new SpeedTestError('stopped'));
    for (const signal of STOP_SIGNALS) process.on(signal, stop);
    const deps = programDeps(process, { logger: pino({ enabled: false }) });
    const proxy = await assemble(config, { ...deps, stateDirectory });
    await proxy.start();
    try {
      return await proxy.speedTests.measure(request, onProgress, stopped);
    } finally {
      await proxy.close();
      for (const signal of STOP_SIGNALS) process.off(signal, stop);
    }
  };
}
