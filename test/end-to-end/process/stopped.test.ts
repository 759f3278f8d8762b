import { describe, expect, it } from 'vitest';
import { useCleanups } from '../../support/cleanups.ts';
import { startEchoPair } from '../support/echo-pair.ts';
import { readBytes } from '../support/socks-client.ts';

/** Long enough for every doubt and for a subflow to be given up (3 s), were it the path that is silent. */
const STOPPED_MS = 5_000;

describe('a program that the machine holds up', () => {
  const onCleanup = useCleanups();

  it.each(['client', 'concentrator'] as const)('goes on with its connections: %s', async (program) => {
    const { pair, socket } = await startEchoPair(onCleanup);
    // Both ends have something under way when it stops, and more comes meanwhile.
    const bytes = Buffer.alloc(4_000_000, 'echo');
    socket.write(bytes);
    const from = pair[program].lineCount;
    process.kill(pair[program].pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, STOPPED_MS));
    process.kill(pair[program].pid, 'SIGCONT');
    expect((await readBytes(socket, bytes.length)).equals(bytes)).toBe(true);
    await pair[program].untilLine('the program stood still', { from });
    expect((await pair.metrics(program)).sum('tributary_event_loop_stalls_total')).toBe(1);
    // The client may have dialled others beside the silent ones, and keeps those that are better.
    for (const end of ['client', 'concentrator'] as const) {
      expect(pair[end].output).not.toContain('session closed');
      expect((await pair.metrics(end)).sum('tributary_sessions')).toBe(1);
    }
  });
});
