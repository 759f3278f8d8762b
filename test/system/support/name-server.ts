import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { eachWholeLine } from '../../bed/whole-lines.ts';
import type { Network } from './namespaces.ts';
import { ROOT } from './program.ts';

/** A name server in the origin's namespace; name-server.mjs says what it answers. */
export class NameServer {
  /** The queries so far, as `A NAME FROM`. */
  readonly queries: string[] = [];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @param names as `NAME=ADDRESS` */
  static async start({ origin }: Network, names: readonly string[]): Promise<NameServer> {
    const program = join(ROOT, 'test', 'system', 'support', 'name-server.mjs');
    const child = origin.spawn(process.execPath, [program, origin.address.v4, ...names], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const server = new NameServer(child);
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error('the name server did not start')));
      eachWholeLine(child.stdout!, (line) => {
        if (line === 'ready') resolve();
        else server.queries.push(line);
      });
    });
    return server;
  }

  stop(): void {
    this.#child.kill();
  }
}
