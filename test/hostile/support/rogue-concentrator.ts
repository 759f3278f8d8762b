import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { ControlFrame } from '../../../shared/protocol/codec/frame.ts';
import { FrameParser } from '../../../shared/protocol/codec/frame-parser.ts';
import { ConcentratorHandshake } from '../../../shared/protocol/handshake/concentrator-handshake.ts';
import { generateCertificate, type TlsIdentity } from '../../../shared/runtime/identity/certificate.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { formatClientKey, generateClientKey } from '../../../shared/runtime/identity/client-key.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import {
  SUBFLOW_ALPN,
  SUBFLOW_TLS_OPTIONS,
  subflowExporter,
} from '../../../shared/runtime/subflow/subflow-tls.ts';
import { Program, programFile } from '../../end-to-end/support/program.ts';

/** What a rogue does with a subflow that its client has just made. */
export interface RogueBehaviour {
  onSubflow?(socket: TLSSocket): void;
  onFrame?(socket: TLSSocket, frame: ControlFrame): void;
}

/** A concentrator that its client trusts, and that says what it likes; with a built client of its own. */
export class RogueConcentrator {
  readonly host = `127.64.${(process.pid >> 8) & 255}.${process.pid & 255}`;
  readonly socksPort = 21080;
  client!: Program;
  /** Subflows that it has welcomed. */
  dials = 0;
  readonly #key = generateClientKey();
  readonly #behaviour: RogueBehaviour;
  readonly #folder: string;
  readonly #sockets = new Set<TLSSocket>();
  #server: Server | undefined;

  private constructor(folder: string, behaviour: RogueBehaviour) {
    this.#folder = folder;
    this.#behaviour = behaviour;
  }

  /** Resolves when the client has had its first subflow. */
  static async start(behaviour: RogueBehaviour): Promise<RogueConcentrator> {
    const rogue = new RogueConcentrator(await mkdtemp(join(tmpdir(), 'tributary-rogue-')), behaviour);
    await rogue.#start(await generateCertificate(new Date()));
    return rogue;
  }

  /** Whether the client's endpoint answers. */
  async answers(limitMs: number): Promise<boolean> {
    const response = await fetch(`http://${this.host}:29101/healthz`, {
      signal: AbortSignal.timeout(limitMs),
    });
    return response.ok;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server?.close();
    await this.client?.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #start({ certificate, key }: TlsIdentity): Promise<void> {
    const server = createServer({
      ...SUBFLOW_TLS_OPTIONS,
      ALPNProtocols: [SUBFLOW_ALPN],
      cert: certificate,
      key,
    });
    this.#server = server;
    server.on('secureConnection', (socket) => this.#accept(socket));
    server.listen(28443, this.host);
    await once(server, 'listening');
    const file = join(this.#folder, 'client.yaml');
    const config = {
      concentrator: { addresses: [`${this.host}:28443`], pin: certificatePin(certificate).text },
      client: { id: 'laptop', key: formatClientKey(this.#key) },
      uplinks: ['wifi', 'lte'].map((name, i) => ({ name, address: `127.0.0.${2 + i}` })),
      socks: { listen: `${this.host}:${this.socksPort}`, optimisticReply: 'never' },
      metrics: { listen: `${this.host}:29101` },
      log: { format: 'json' },
    };
    // JSON is YAML.
    await writeFile(file, JSON.stringify(config), { mode: 0o600 });
    this.client = new Program(process.execPath, [programFile('client-proxy'), '--config', file]);
    await this.client.untilLine('session established');
  }

  #accept(socket: TLSSocket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
    const parser = new FrameParser();
    const handshake = new ConcentratorHandshake({
      crypto: nodeHandshakeCrypto,
      exporter: subflowExporter(socket),
      keysOf: () => [this.#key],
    });
    const parse = (bytes: Uint8Array) =>
      parser.push(bytes, {
        onData: () => {},
        onControl: (frame) => this.#behaviour.onFrame?.(socket, frame),
      });
    let isProven = false;
    socket.on('data', (bytes: Buffer) => {
      if (isProven) return parse(bytes);
      const request = handshake.receive(bytes);
      if (request === undefined) return;
      isProven = true;
      this.dials++;
      socket.write(request.kind === 'hello' ? handshake.welcome(WELCOME()) : handshake.joined());
      parse(request.rest);
      this.#behaviour.onSubflow?.(socket);
    });
  }
}

const WELCOME = () => ({
  token: randomBytes(16),
  maxStreams: 4_096,
  firstWindowBytes: 1024 * 1024,
  lingerMs: 60_000,
});
