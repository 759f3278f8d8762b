import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateCertificate } from '../../../shared/runtime/identity/certificate.ts';
import { formatClientKey, generateClientKey } from '../../../shared/runtime/identity/client-key.ts';
import { type MetricsText, parseMetrics } from '../../end-to-end/support/metrics-text.ts';
import { Program, programFile } from '../../end-to-end/support/program.ts';

export interface LoneConcentratorOptions {
  readonly clients: readonly string[];
  readonly limits?: Readonly<Record<string, unknown>>;
}

/** The built concentrator as a process of its own, without the client program. */
export class LoneConcentrator {
  readonly host = `127.63.${(process.pid >> 8) & 255}.${process.pid & 255}`;
  readonly port = 28443;
  readonly keys: ReadonlyMap<string, Uint8Array>;
  readonly #folder: string;
  #program: Program | undefined;

  private constructor(folder: string, keys: ReadonlyMap<string, Uint8Array>) {
    this.#folder = folder;
    this.keys = keys;
  }

  /** Resolves when it listens. */
  static async start({ clients, limits = {} }: LoneConcentratorOptions): Promise<LoneConcentrator> {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-lone-'));
    const keys = new Map(clients.map((id) => [id, generateClientKey()]));
    const concentrator = new LoneConcentrator(folder, keys);
    await concentrator.#configure(limits);
    concentrator.#program = new Program(process.execPath, [
      programFile('server-concentrator'),
      '--config',
      join(folder, 'concentrator.yaml'),
    ]);
    await concentrator.#program.untilLine('concentrator is up');
    return concentrator;
  }

  get pid(): number {
    return this.#program!.pid;
  }

  async metrics(): Promise<MetricsText> {
    const response = await fetch(`http://${this.host}:29102/metrics`);
    return parseMetrics(await response.text());
  }

  /** How many lines of its output contain this. */
  lines(text: string): number {
    return this.#program!.output.split('\n').filter((line) => line.includes(text)).length;
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #configure(limits: Readonly<Record<string, unknown>>): Promise<void> {
    const identity = await generateCertificate(new Date());
    const clients = [...this.keys].map(([id, key]) => ({ id, key: formatClientKey(key) }));
    const config = {
      listen: [`${this.host}:${this.port}`],
      limits,
      metrics: { listen: `${this.host}:29102` },
      log: { format: 'json' },
    };
    // JSON is YAML.
    const files = {
      'certificate.pem': identity.certificate,
      'key.pem': identity.key,
      'clients.yaml': JSON.stringify(clients),
      'concentrator.yaml': JSON.stringify(config),
    };
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(this.#folder, name), text, { mode: 0o600 });
    }
  }
}
