import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Namespace } from '../../bed/namespace.ts';
import { eachWholeLine } from '../../bed/whole-lines.ts';
import { ROOT } from './program.ts';

/** A name server in a namespace; name-server.mjs says what it answers. */
export class NameServer {
  /** The queries so far, as `A NAME FROM`. */
  readonly queries: string[] = [];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /**
   * @param names as `NAME=ADDRESS`
   * @param address of the namespace, by default the one where others reach it
   */
  static async start(
    namespace: Namespace,
    names: readonly string[],
    address: string = namespace.address.v4,
  ): Promise<NameServer> {
    const program = join(ROOT, 'test', 'system', 'support', 'name-server.mjs');
    const child = namespace.spawn(process.execPath, [program, address, ...names], {
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
