import { emitKeypressEvents } from 'node:readline';

/** What somebody does at a terminal. */
export interface TerminalHandlers {
  /** The name of a key, such as `q` or `down`; `q` also for Ctrl-C, and when the process is to end. */
  onKey(key: string): void;
  onResize(): void;
}

/** The terminal that a program was started in, as a whole screen. */
export interface Terminal {
  /** Whether input and output are one; nothing else may be called otherwise. */
  readonly isTerminal: boolean;
  readonly hasColours: boolean;
  readonly size: { readonly columns: number; readonly rows: number };
  /** Takes the screen, and gives what was on it back with `close`. */
  open(handlers: TerminalHandlers): void;
  /** Shows these lines from the top of the screen, and nothing else. */
  draw(lines: readonly string[]): void;
  close(): void;
}

/** The part of `process` that a terminal needs. */
export interface TerminalProcess {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly env: Record<string, string | undefined>;
  on(signal: NodeJS.Signals, listener: () => void): unknown;
  off(signal: NodeJS.Signals, listener: () => void): unknown;
}

const DEFAULT_SIZE = { columns: 80, rows: 24 };
const END_SIGNALS = ['SIGTERM', 'SIGHUP'] as const;
/** Another screen, without cursor; and back. */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

export function processTerminal(process: TerminalProcess): Terminal {
  const { stdin, stdout, env } = process;
  let stop = () => {};
  return {
    isTerminal: stdin.isTTY === true && stdout.isTTY === true,
    // https://no-color.org
    hasColours: (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb',
    get size() {
      // A terminal that does not know its size says 0.
      return { columns: stdout.columns || DEFAULT_SIZE.columns, rows: stdout.rows || DEFAULT_SIZE.rows };
    },
    open({ onKey, onResize }) {
      const onKeypress = (text: string | undefined, { name, ctrl }: { name?: string; ctrl?: boolean }) => {
        if (ctrl) onKey(name === 'c' ? 'q' : '');
        else onKey(name ?? text ?? '');
      };
      const onEnd = () => onKey('q');
      emitKeypressEvents(stdin);
      stdin.setRawMode(true);
      stdin.on('keypress', onKeypress).on('end', onEnd).resume();
      stdout.on('resize', onResize);
      for (const signal of END_SIGNALS) process.on(signal, onEnd);
      stdout.write(ENTER);
      stop = () => {
        stop = () => {};
        stdout.write(LEAVE);
        for (const signal of END_SIGNALS) process.off(signal, onEnd);
        stdout.off('resize', onResize);
        stdin.off('keypress', onKeypress).off('end', onEnd).pause();
        stdin.setRawMode(false);
      };
    },
    draw(lines) {
      stdout.write(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE}`).join('\r\n')}${CLEAR_BELOW}`);
    },
    close: () => stop(),
  };
}
