import { describe, expect, it } from 'vitest';
import { parseOptions } from './options.ts';

describe('options of fuzzing', () => {
  it('run every target for a minute', () => {
    expect(parseOptions([])).toMatchObject({ seconds: 60, seed: 1, atOnce: 2, saves: false });
    expect(parseOptions([])!.targets.map(({ name }) => name)).toContain('session');
  });

  it('name targets, and take hours', () => {
    const options = parseOptions(['--target', 'dns', '--target', 'link', '--hours', '8']);
    expect(options!.targets.map(({ name }) => name)).toEqual(['link', 'dns']);
    expect(options!.seconds).toBe(28_800);
  });

  it('replay one input', () => {
    expect(parseOptions(['--target', 'dns', '--replay', '01Ff'])!.replay).toEqual(Uint8Array.of(1, 255));
    expect(parseOptions(['--help'])).toBeUndefined();
  });

  it.each([
    [['--target', 'dsn'], 'no target "dsn"; there are frame-parser'],
    [['--seconds', '0'], '--seconds 0: expected 1 to'],
    [['--hours', 'x'], '--hours x: expected up to'],
    [['--hours', '1', '--seconds', '1'], 'expected one of them'],
    [['--replay', '00'], '--replay: wants one --target'],
    [['--target', 'dns', '--replay', '0'], '--replay: expected hexadecimal digits'],
    [['--at-once', '1.5'], '--at-once 1.5: expected 1 to'],
  ])('refuse %j', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });
});
