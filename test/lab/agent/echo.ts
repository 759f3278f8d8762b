import { monotonicMs } from './arrivals.ts';
import { openConnection } from './connection.ts';
import type { ClientResult, EchoJob, Endpoint, Route } from './job.ts';
import { isPatternAt, patternAt } from './pattern.ts';

/** Sends a message every so often and measures when its last byte is back. */
export function echoAll(route: Route, origin: Endpoint, job: EchoJob): Promise<ClientResult> {
  return new Promise((resolve) => {
    const sentAtMs: number[] = [];
    const timesMs: number[] = [];
    let got = 0;
    let isExact = true;
    let timer: NodeJS.Timeout | undefined;
    const socket = openConnection(route, origin, {
      onOpen() {
        socket.write('echo\n');
        timer = setInterval(send, job.everyMs);
        send();
      },
      onBytes(chunk) {
        isExact &&= isPatternAt(got, chunk);
        got += chunk.length;
        while (timesMs.length < Math.floor(got / job.bytes))
          timesMs.push(monotonicMs() - sentAtMs[timesMs.length]!);
        if (timesMs.length === job.count) socket.destroy();
      },
      onClose(error) {
        clearInterval(timer);
        const failures = isExact ? job.count - timesMs.length : job.count;
        const reason =
          failures > 0 ? { error: error?.message ?? (isExact ? 'ended early' : 'wrong bytes') } : {};
        resolve({ timesMs, failures, ...reason });
      },
    });
    function send(): void {
      if (sentAtMs.length === job.count) {
        clearInterval(timer);
        return;
      }
      const offset = sentAtMs.length * job.bytes;
      sentAtMs.push(monotonicMs());
      socket.write(patternAt(offset, job.bytes));
    }
  });
}
