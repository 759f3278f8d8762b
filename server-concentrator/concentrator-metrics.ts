import { Counter, type Registry } from 'prom-client';
import { registerResultCounter } from '../shared/runtime/observe/result-counter.ts';

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
  const onOpen = registerResultCounter(registry, {
    name: 'tributary_stream_opens_total',
    help: 'Streams asked for by clients, by result: ok, or the name of the error',
  });
  return {
    onHandshake: (result) => handshakes.inc({ result }),
    onDial: (outcome) => onOpen(outcome === 'connected' ? 'ok' : outcome),
  };
}
