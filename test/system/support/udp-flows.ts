import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Namespace } from '../../bed/namespace.ts';
import { eachWholeLine } from '../../bed/whole-lines.ts';
import { ROOT } from './program.ts';

/** An application whose datagrams all go through one association; udp-flows.mjs says what it does. It ends with its namespace. */
export class UdpFlows {
  readonly #child: ChildProcess;
  #onLine: (line: string) => void = () => {};

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @param proxy as `ADDRESS:PORT` */
  static async start(client: Namespace, proxy: string): Promise<UdpFlows> {
    const program = join(ROOT, 'test', 'system', 'support', 'udp-flows.mjs');
    const port = proxy.split(':')[1]!;
    const flows = new UdpFlows(
      client.spawn(process.execPath, [program, port], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    const ready = flows.#nextLine();
    eachWholeLine(flows.#child.stdout!, (line) => flows.#onLine(line));
    await ready;
    return flows;
  }

  /** Sends to an origin until it answers. @returns whom it has heard, `none` where it has not answered in time */
  async ask(address: string, port: number, maxSeconds: number): Promise<{ from: string; tookMs: number }> {
    const line = this.#nextLine();
    this.#child.stdin!.write(`${address} ${port} ${maxSeconds}\n`);
    const [from = '', ms] = (await line).split(' ');
    return { from, tookMs: Number(ms) };
  }

  #nextLine(): Promise<string> {
    return new Promise((resolve) => {
      this.#onLine = resolve;
    });
  }
}
