import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { programFile } from '../end-to-end/support/program.ts';
import { needs } from '../support/needs.ts';

/*
 *  terminal of "init --qr" ── picture ──► zbarimg ── standard input ──► join
 */

/** As a terminal shows characters: half a cell up, half a cell down, light on dark. */
const LIGHT_HALVES: Readonly<Record<string, readonly [upper: boolean, lower: boolean]>> = {
  '█': [true, true],
  '▀': [true, false],
  '▄': [false, true],
  ' ': [false, false],
};
const PIXELS = 6;
/** Two addresses with long names: more than most links have. */
const LONG_NAME = 'concentrator-one.of-a-provider-with-a-long-name.example.org';

describe('the QR code of a link', needs('zbar'), () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tributary-qr-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each([
    ['init', 'vps.example.org', []],
    ['init for a long name', LONG_NAME, []],
    ['client add', '192.0.2.1', ['client', 'add', 'laptop']],
  ])('that %s prints is read from a picture of the terminal, and join takes it', async (_, name, command) => {
    const etc = await mkdtemp(join(folder, 'etc-'));
    const init = concentrator(['init', '--public', name, '--directory', etc, '--qr']);
    const file = join(etc, 'tributary-concentrator.yaml');
    const { link, shown } =
      command.length === 0 ? init : concentrator(['--config', file, ...command, '--qr']);
    const picture = join(etc, 'photo.pgm');
    await writeFile(picture, pictureOf(shown));

    expect(zbarimg('--quiet', '--raw', picture)).toBe(`${link}\n`);
    // With the kind of code in front, and lines as another system ends them.
    const told = zbarimg('--quiet', picture).replaceAll('\n', '\r\n');
    expect(told).toContain(`QR-Code:${link}`);
    const config = join(etc, 'client.yaml');
    const joined = spawnSync(
      process.execPath,
      [programFile('client-proxy'), '--config', config, 'join', '-'],
      {
        input: told,
        encoding: 'utf8',
      },
    );
    expect([joined.status, joined.stderr]).toEqual([0, expect.stringContaining(`Wrote ${config}`)]);
    const [, key] = /:([^:@]{43})@/.exec(link)!;
    expect(await readFile(config, 'utf8')).toContain(key);
  });
});

/** Runs a command of the concentrator. */
function concentrator(args: readonly string[]): { link: string; shown: string } {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [programFile('server-concentrator'), ...args],
    {
      encoding: 'utf8',
    },
  );
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^tributary:/m)]);
  return { link: /^tributary:.*$/m.exec(stdout)![0], shown: stderr };
}

function zbarimg(...args: readonly string[]): string {
  return execFileSync('zbarimg', ['--nodbus', ...args], { encoding: 'utf8' });
}

/** The lines with a QR code as a grey picture (PGM), with the dark of the terminal around it. */
function pictureOf(shown: string): Uint8Array {
  const lines = shown.split('\n').filter((line) => line !== '' && /^[█▀▄ ]+$/.test(line));
  const rows = lines.flatMap((line) =>
    ([0, 1] as const).map((half) => [...line].map((character) => LIGHT_HALVES[character]![half])),
  );
  const margin = Array.from({ length: 2 }, () => rows[0]!.map(() => false));
  const all = [...margin, ...rows, ...margin].map((row) => [false, false, ...row, false, false]);
  const pixels = all.flatMap((row) => {
    const line = row.flatMap((isLight) => Array.from({ length: PIXELS }, () => (isLight ? 230 : 25)));
    return Array.from({ length: PIXELS }, () => line).flat();
  });
  const width = all[0]!.length * PIXELS;
  return Buffer.concat([Buffer.from(`P5\n${width} ${all.length * PIXELS}\n255\n`), Buffer.from(pixels)]);
}
