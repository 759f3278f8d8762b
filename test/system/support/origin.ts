import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { formatDestination } from '../../../shared/protocol/destination.ts';
import { eachWholeLine } from '../../bed/whole-lines.ts';
import type { Network } from './namespaces.ts';
import { ROOT } from './program.ts';

/** The HTTP server in the origin's namespace; origin.mjs says what it serves. */
export class Origin {
  readonly url: string;
  /** Hears how many bytes of its current request the origin has received or sent. */
  onProgress: (kind: string, bytes: number) => void = () => {};
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  static async start(
    network: Pick<Network, 'origin'>,
    port: number,
    host = network.origin.address.v4,
  ): Promise<Origin> {
    const program = join(ROOT, 'test', 'system', 'support', 'origin.mjs');
    const child = network.origin.spawn(process.execPath, [program, host, String(port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const origin = new Origin(child, `http://${formatDestination({ host, port })}`);
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error('the origin did not start')));
      eachWholeLine(child.stdout!, (line) => {
        const [kind = '', bytes] = line.split(' ');
        if (kind === 'ready') resolve();
        else origin.onProgress(kind, Number(bytes));
      });
    });
    return origin;
  }

  stop(): void {
    this.#child.kill();
  }
}
