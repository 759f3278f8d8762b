import { once } from 'node:events';
import { connect } from 'node:net';
import { Program } from '../../end-to-end/support/program.ts';

/** What the kernel completes before anybody accepts. */
const BACKLOG = 1;
/** No answer in this time is none at all, on loopback. */
const SILENCE_MS = 300;

/**
 * A port at all IPv4 loopback addresses that answers no SYN: its process is stopped and its backlog is full, so the kernel drops
 * what comes, as a firewall would.
 */
export class BlackHole {
  readonly port: number;
  readonly #program: Program;

  private constructor(program: Program, port: number) {
    this.#program = program;
    this.port = port;
  }

  static async start(): Promise<BlackHole> {
    const listen = `const server = require('net').createServer().listen({host: '0.0.0.0', port: 0, backlog: ${BACKLOG}},
      () => console.log('port=' + server.address().port + ';'));`;
    const program = new Program(process.execPath, ['-e', listen]);
    await program.untilLine('port=');
    const hole = new BlackHole(program, Number(/port=(\d+);/.exec(program.output)![1]));
    program.child.kill('SIGSTOP');
    for (let full = false; !full; ) full = !(await hole.#answers());
    return hole;
  }

  close(): Promise<void> {
    return this.#program.kill();
  }

  async #answers(): Promise<boolean> {
    const socket = connect(this.port, '127.0.0.1').on('error', () => {});
    const silence = new Promise<false>((resolve) => setTimeout(resolve, SILENCE_MS, false));
    const answers = await Promise.race([once(socket, 'connect').then(() => true), silence]);
    // One that the kernel has completed keeps its place in the backlog when it is closed.
    socket.destroy();
    return answers;
  }
}
