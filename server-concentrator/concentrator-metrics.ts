import { Counter, type Registry } from 'prom-client';

export interface ConcentratorMetrics {
  /** `hello`, `join`, or why not. */
  onHandshake(result: string): void;
  /** `connected`, or the name of the error. */
  onDial(outcome: string): void;
}

/** Registers what only the concentrator can tell: who came, and which origins could be reached. */
export function registerConcentratorMetrics(registry: Registry): ConcentratorMetrics {
  const registers = [registry];
  const handshakes = new Counter({
    name: 'tributary_handshakes_total',
    help: 'Subflow handshakes by result: hello, join, tls (not even TLS), or the name of the error',
    labelNames: ['result'],
    registers,
  });
  const opens = new Counter({
    name: 'tributary_stream_opens_total',
    help: 'Streams asked for by clients, by result: ok, or the name of the error',
    labelNames: ['result'],
    registers,
  });
  opens.inc({ result: 'ok' }, 0);
  return {
    onHandshake: (result) => handshakes.inc({ result }),
    onDial: (outcome) => opens.inc({ result: outcome === 'connected' ? 'ok' : outcome }),
  };
}
