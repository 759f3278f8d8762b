import type { Terminal } from '../../shared/runtime/process/terminal.ts';

const unused = () => {
  throw new Error('there is no terminal');
};

/** What a program finds that runs in a pipe. */
export const NO_TERMINAL: Terminal = {
  isTerminal: false,
  hasColours: false,
  size: { columns: 80, rows: 24 },
  open: unused,
  draw: unused,
  close: unused,
};
