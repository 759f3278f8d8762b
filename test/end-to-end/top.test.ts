import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../support/needs.ts';
import { Pair } from './support/pair.ts';
import { programFile } from './support/program.ts';
import { PseudoTerminal } from './support/pseudo-terminal.ts';

describe('tributary-client top', needs('pseudoTerminal'), () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await Pair.start();
  });
  afterAll(() => pair.close());

  const start = (size: string, ...more: readonly string[]) =>
    PseudoTerminal.start(size, [
      ...[process.execPath, programFile('client-proxy'), 'top', '--config', pair.clientFile],
      ...['--interval', '200ms', ...more],
    ]);

  it('takes the screen, draws it anew, follows keys and size, and gives the screen back', async () => {
    const terminal = start('rows 20 cols 100');
    await terminal.untilShown(/tributary-client .* ready .*session established/);
    await terminal.untilShown(/left +in-use/);
    expect(terminal.output).toContain('\x1b[?1049h');
    expect(terminal.output).not.toContain('\x1b[?1049l');
    terminal.type('s');
    await terminal.untilShown(/SUBFLOW +UPLINK/);
    terminal.type('p');
    await terminal.untilShown(/paused/);
    terminal.type('p');
    terminal.resize('rows 12 cols 44');
    await terminal.untilShown(/UPLINK +STATE +DOWN +UP +REA/);
    const last = terminal.lastScreen();
    expect(last.length).toBeLessThanOrEqual(12);
    for (const line of last) expect(line.length).toBeLessThanOrEqual(44);
    terminal.type('q');
    expect(await terminal.ended).toBe(0);
    expect(terminal.output.trimEnd().endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
  });

  it('gives the screen back when it is ended by Ctrl-C, and by a signal', async () => {
    for (const end of ['\x03', 'SIGTERM'] as const) {
      const terminal = start('rows 20 cols 100');
      await terminal.untilShown(/left +in-use/);
      if (end === 'SIGTERM') terminal.signal(end);
      else terminal.type(end);
      expect(await terminal.ended).toBe(0);
      expect(terminal.output).toContain('\x1b[?25h\x1b[?1049l');
    }
  });

  it('goes on while the client does not answer, and says so', async () => {
    const other = await Pair.start();
    const terminal = PseudoTerminal.start('rows 20 cols 120', [
      ...[process.execPath, programFile('client-proxy'), 'top', '--config', other.clientFile],
      ...['--interval', '200ms'],
    ]);
    await terminal.untilShown(/left +in-use/);
    await other.close();
    await terminal.untilShown(/nothing answers at/);
    terminal.type('q');
    expect(await terminal.ended).toBe(0);
  });
});
