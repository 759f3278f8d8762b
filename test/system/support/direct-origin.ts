import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { eachWholeLine } from '../../bed/whole-lines.ts';
import type { Network } from './namespaces.ts';
import { SOCKS } from './pair.ts';
import { ROOT } from './program.ts';
import { expectedSha256 } from './transfer.ts';

const PORT = 8081;
const HOSTS = 16;
/** Addresses of the public internet, which exist here in these namespaces alone: private ones are not reached directly without a rule. */
const PREFIX = '51.51.51';

/** How a request went. */
export interface Answer {
  /** Of curl; 0 is success. */
  readonly exitCode: number;
  readonly body: Buffer;
  readonly tookMs: number;
}

/**
 * The same origin at sixteen public addresses, which are so many hosts. The concentrator's namespace forwards as a provider's router
 * does, so that the client reaches it over either path without the concentrator, and is then seen with the path's own address.
 */
export class DirectOrigin {
  /** The addresses, with which it goes through its hosts in turn. */
  readonly hosts = Array.from({ length: HOSTS }, (_, i) => `${PREFIX}.${i + 1}`);
  readonly #network: Network;
  readonly #child: ChildProcess;

  private constructor(network: Network, child: ChildProcess) {
    this.#network = network;
    this.#child = child;
  }

  static async start(network: Network): Promise<DirectOrigin> {
    const { origin, concentrator } = network;
    const near = origin.address.v4.replace(/\d+$/, '1');
    await concentrator.sysctl({ 'net.ipv4.ip_forward': 1 });
    await concentrator.ip(4, [`route add ${PREFIX}.0/24 via ${origin.address.v4}`]);
    await origin.ip(4, [
      ...network.paths.map(({ address }) => `route add ${address.v4.replace(/\d+$/, '0')}/24 via ${near}`),
      ...Array.from({ length: HOSTS }, (_, i) => `address add ${PREFIX}.${i + 1}/32 dev lo`),
    ]);
    await origin.routesChanged();
    const program = join(ROOT, 'test', 'system', 'support', 'origin.mjs');
    const child = origin.spawn(process.execPath, [program, '0.0.0.0', String(PORT)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error('the origin did not start')));
      eachWholeLine(child.stdout!, (line) => {
        if (line === 'ready') resolve();
      });
    });
    return new DirectOrigin(network, child);
  }

  /** The address from which a host is reached; empty where it is not. */
  async peer(host: string): Promise<string> {
    return (await this.get(host, 'peer')).body.toString();
  }

  /** Through the client's SOCKS5 port. */
  async get(host: string, path: string, maxSeconds = 20): Promise<Answer> {
    const url = `http://${host}:${PORT}/${path}`;
    const startMs = performance.now();
    const args = ['-sS', '--fail', '--max-time', String(maxSeconds), '--socks5-hostname', SOCKS, url];
    const child = this.#network.client.spawn('curl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const pieces: Buffer[] = [];
    child.stdout!.on('data', (piece: Buffer) => pieces.push(piece));
    const exitCode = await new Promise<number>((resolve) => {
      child.once('close', (code) => resolve(code ?? -1));
    });
    return { exitCode, body: Buffer.concat(pieces), tookMs: performance.now() - startMs };
  }

  /** Whether the answer has exactly these bytes of the origin's sequence. */
  static isWhole({ exitCode, body }: Answer, bytes: number): boolean {
    const sha256 = createHash('sha256').update(body).digest('hex');
    return exitCode === 0 && body.length === bytes && sha256 === expectedSha256(bytes);
  }

  stop(): void {
    this.#child.kill();
  }
}
