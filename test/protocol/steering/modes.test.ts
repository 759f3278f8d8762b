import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ModeParameters } from '../../../shared/protocol/scheduler/policy-parameters.ts';
import {
  DEFAULT_MODE,
  modeOfWire,
  modesWith,
  rowOf,
  STEERING_MODE_NAMES,
} from '../../../shared/protocol/steering/modes.ts';

const ROOT = new URL('../../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');

/** The cells of the table rows whose first cell is so. */
function rows(markdown: string, first: RegExp): string[][] {
  return markdown
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map((cells) => cells.slice(1, -1))
    .filter(([cell]) => first.test(cell!));
}

const DOCUMENTS = [
  'README.md',
  ...(existsSync(new URL('docs/', ROOT)) ? readdirSync(new URL('docs/', ROOT)) : [])
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** What SPEC.md calls the parameters. */
const SPEC_NAMES: Readonly<Record<keyof ModeParameters, string>> = {
  order: 'ordered',
  weights: 'weight',
  maxRttMs: 'max rtt',
  maxLoss: 'max loss',
};

describe('the table of steering modes', () => {
  it('gives each mode a wire value of its own, which is read back', () => {
    const values = STEERING_MODE_NAMES.map((mode) => rowOf(mode).wire);
    expect(new Set(values).size).toBe(STEERING_MODE_NAMES.length);
    expect(values.every((value) => Number.isInteger(value) && value >= 0 && value <= 0xff)).toBe(true);
    expect(values.map(modeOfWire)).toEqual(STEERING_MODE_NAMES);
  });

  it('takes an unknown wire value for the default', () => {
    const unknown = Math.max(...STEERING_MODE_NAMES.map((mode) => rowOf(mode).wire)) + 1;
    expect([modeOfWire(unknown), modeOfWire(255), DEFAULT_MODE]).toEqual([
      'aggregate',
      'aggregate',
      'aggregate',
    ]);
  });

  it('leaves no alias open: two modes that share one are told apart by a parameter', () => {
    const all = STEERING_MODE_NAMES.flatMap((mode) =>
      rowOf(mode).aliases.map((alias) => ({ mode, ...alias })),
    );
    for (const { name } of all) {
      const same = all.filter((alias) => alias.name === name);
      expect(new Set(same.map(({ onlyWith }) => onlyWith)).size, `alias ${name}`).toBe(same.length);
    }
    for (const { mode, onlyWith } of all) {
      if (onlyWith !== undefined) expect(modesWith(onlyWith)).toContain(mode);
    }
  });

  it('has a file and a test for each mode, and no other files', () => {
    const files = STEERING_MODE_NAMES.map((mode) => `${mode}.ts`).sort();
    expect(readdirSync(new URL('shared/protocol/steering/modes/', ROOT)).sort()).toEqual(files);
    for (const mode of STEERING_MODE_NAMES) {
      const path = `test/protocol/steering/modes/${mode}.test.ts`;
      expect(existsSync(new URL(path, ROOT)), path).toBe(true);
    }
  });

  it('is the one in SPEC.md', () => {
    const inSpec = rows(read('shared/protocol/SPEC.md'), /^\d+$/).filter(([, name]) =>
      /^[a-z-]+$/.test(name!),
    );
    const expected = STEERING_MODE_NAMES.map((mode) => {
      const parameters = Object.keys(rowOf(mode).parameters) as (keyof ModeParameters)[];
      return [String(rowOf(mode).wire), mode, parameters.map((key) => SPEC_NAMES[key]).join(', ')];
    });
    expect(inSpec).toEqual(expected);
  });

  it.each(STEERING_MODE_NAMES)(
    'is told of in the documents: a row of a table for %s, with its aliases',
    (mode) => {
      const found = DOCUMENTS.flatMap((path) => rows(read(path), new RegExp(`^\`${mode}\`$`)));
      expect(found.length, `rows for ${mode} in ${DOCUMENTS.join(', ')}`).toBeGreaterThan(0);
      for (const { name } of rowOf(mode).aliases) {
        expect(
          found.some((cells) => cells.join(' ').includes(`\`${name}\``)),
          `alias ${name}`,
        ).toBe(true);
      }
    },
  );

  it('is the one that the example configuration lists', () => {
    const listed = /# Modes: (.*?)\./.exec(read('config/client.example.yaml'))![1]!;
    expect(listed.split(', ').map((name) => name.replace(/ .*/, ''))).toEqual(STEERING_MODE_NAMES);
  });
});
