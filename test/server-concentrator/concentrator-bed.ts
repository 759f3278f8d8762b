import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { clientSubflowHandshake } from '../../client-proxy/path-manager/client-subflow-handshake.ts';
import { assembleProcess } from '../../server-concentrator/assemble.ts';
import type {
  ConcentratorConfig,
  ConcentratorLimits,
} from '../../server-concentrator/config/concentrator-config.ts';
import type { WorkerPlace } from '../../server-concentrator/worker/worker-place.ts';
import type { ControlFrame } from '../../shared/protocol/codec/frame.ts';
import { FrameParser } from '../../shared/protocol/codec/frame-parser.ts';
import { parseHostPort } from '../../shared/runtime/address/host-port.ts';
import { loadNative } from '../../shared/runtime/kernel/native.ts';
import { nodeHandshakeCrypto } from '../../shared/runtime/session/handshake-crypto.ts';
import { temporaryDirectory } from '../config/temporary-directory.ts';
import { dial, identity } from '../runtime/subflow/subflow-bench.ts';
import { deferred } from '../support/deferred.ts';

/** A busy machine takes its time; a concentrator that answers nothing is found all the same. */
const DIAL_LIMIT_MS = 20_000;

export const DATAGRAMS: ConcentratorConfig['datagrams'] = {
  enabled: true,
  flowsPerClient: 64,
  associationsPerClient: 16,
  associations: 64,
  idleTimeoutMs: 300_000,
};

/** A concentrator that is not started yet, for these clients; what it logs. @param place as one of several processes */
export async function assembled(
  clientIds: readonly string[],
  limits: Partial<ConcentratorLimits> = {},
  keys: Partial<ConcentratorConfig> = {},
  place?: WorkerPlace,
) {
  const lines: string[] = [];
  const config: ConcentratorConfig = {
    file: 'concentrator.yaml',
    listen: [{ host: '127.0.0.1', port: 0, required: true }],
    public: [],
    announce: { addresses: [], joinHere: true },
    balancers: [],
    tls: { certificate: identity.certificate, key: identity.privateKey },
    tlsCertificateFile: 'certificate.pem',
    tlsKeyFile: 'key.pem',
    clientsFile: 'clients.yaml',
    clients: clientIds.map((id) => ({ id, key: keyOf(id) })),
    egress: { allow: [], deny: [], connectTimeoutMs: 1_000, resolveTimeoutMs: 1_000 },
    datagrams: DATAGRAMS,
    visitors: { allow: [], deny: [] },
    limits: {
      sessions: 16,
      sessionsPerClient: 4,
      streamsPerSession: 16,
      subflowsPerSession: 4,
      opensPerSecond: 200,
      dialsPerClient: 16,
      namesPerClient: 16,
      joinsPerSecond: 16,
      publishPerClient: 64,
      bindsPerClient: 16,
      visitorsPerClient: 1_024,
      visitorsPerSecond: 200,
      measurementBytesPerHour: 1_000_000,
      memoryPerSessionBytes: 1_000_000,
      memoryPerClientBytes: 16_000_000,
      memoryTotalBytes: 16_000_000,
      handshakeTimeoutMs: 20_000,
      handshakesPerSecond: 400,
      streamIdleTimeoutMs: 60_000,
      drainTimeoutMs: 0,
      ...limits,
    },
    clientMetrics: 100,
    connections: { keepAliveMs: 300_000, stallTimeoutMs: 120_000 },
    workers: 1,
    lingerMs: 60_000,
    tuning: {},
    log: { level: 'info', format: 'json' },
    ...keys,
  };
  const deps = {
    logger: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }),
    clock: () => performance.now(),
    wallClock: () => Date.now(),
    native: loadNative(),
    version: '0',
    nodeVersion: '0',
    stateDirectory: await temporaryDirectory(),
  };
  const { concentrator } = await assembleProcess(config, deps, place);
  return { concentrator, config, lines };
}

/** The same, started; and the port where it takes subflows. */
export async function start(...options: Parameters<typeof assembled>) {
  const { concentrator, config, lines } = await assembled(...options);
  await concentrator.start();
  onTestFinished(() => concentrator.close());
  const { listen } = JSON.parse(lines.find((line) => line.includes('"concentrator is up"'))!);
  const { port } = parseHostPort(listen[0])!;
  return { concentrator, port, config, lines };
}

interface JoinIntent {
  readonly token: Uint8Array;
  readonly subflowId: number;
}

export function keyOf(clientId: string): Uint8Array {
  return new Uint8Array(32).fill(clientId.length);
}

/** A client with one subflow that only listens; with a token that subflow joins a session. */
export async function connect(port: number, id: string, key = keyOf(id), join?: JoinIntent) {
  const transport = await dial(port);
  const { result, takeRest } = await clientSubflowHandshake(
    transport,
    {
      crypto: nodeHandshakeCrypto,
      identity: { id, key },
      uplinkName: 'lan',
      backup: false,
      intent: join === undefined ? { kind: 'hello' } : { kind: 'join', ...join },
    },
    DIAL_LIMIT_MS,
  );
  const frames: ControlFrame[] = [];
  const closed = deferred<void>();
  const parser = new FrameParser();
  const sink = { onData() {}, onControl: (frame: ControlFrame) => void frames.push(frame) };
  transport.setHandlers({
    onBytes: (chunk) => parser.push(chunk.bytes, sink),
    onWritable() {},
    onClose: () => closed.resolve(),
  });
  parser.push(takeRest(), sink);
  return { transport, welcome: result.welcome, frames, closed: closed.promise };
}
