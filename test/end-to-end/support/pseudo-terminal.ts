import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Tells its number before the program gets it, and passes the program's exit code on. */
const SHELL = 'stty $SIZE; echo "tty $(tty) $$"; exec "$@"';
const TIMEOUT_MS = 20_000;

/** A program on a terminal of its own, made by `script` of bsdutils. */
export class PseudoTerminal {
  /** The exit code, once it has ended. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  #output = '';
  #wake: () => void = () => {};

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
      this.#wake();
    });
    this.ended = once(child, 'close').then(([code]) => code);
  }

  /** @param size as `stty` has it @param command the program and its arguments, without blanks in them */
  static start(size: string, command: readonly string[]): PseudoTerminal {
    const inner = `sh -c '${SHELL}' sh ${command.join(' ')}`;
    const args = ['--quiet', '--return', '--flush', '--command', inner, '/dev/null'];
    const env = { ...process.env, SIZE: size, TERM: 'xterm-256color', NO_COLOR: '' };
    return new PseudoTerminal(spawn('script', args, { env, stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  /** All that was written to it. */
  get output(): string {
    return this.#output;
  }

  type(keys: string): void {
    this.#child.stdin!.write(keys);
  }

  resize(size: string): void {
    spawn('stty', ['-F', this.#facts.path, ...size.split(' ')], { stdio: 'inherit' });
  }

  /** To the program on it. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.#facts.pid, signal);
  }

  /** Resolves when a line of a later screen is like this. */
  async untilShown(line: RegExp): Promise<void> {
    const from = this.#output.length;
    const deadlineMs = performance.now() + TIMEOUT_MS;
    while (
      !this.#output
        .slice(from)
        .split('\n')
        .some((text) => line.test(plain(text)))
    ) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Error(`not shown: ${line}\n${this.lastScreen().join('\n')}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The lines of the last screen that is complete, without colours. */
  lastScreen(): readonly string[] {
    const screens = this.#output.split('\x1b[H').slice(1);
    const whole = screens.findLast((screen) => screen.includes('\x1b[J'));
    return (whole?.split('\x1b[J')[0] ?? '').split('\n').map(plain);
  }

  get #facts(): { readonly path: string; readonly pid: number } {
    const [, path, pid] = /tty (\S+) (\d+)/.exec(this.#output)!;
    return { path: path!, pid: Number(pid) };
  }
}

function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what they begin with
  return text.replaceAll(/\x1b\[[?\d]*[A-Za-z]|\r/g, '');
}
