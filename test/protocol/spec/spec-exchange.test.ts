import { describe, expect, it } from 'vitest';
import { FRAME_TYPE } from '../../../shared/protocol/codec/wire.ts';
import { exampleBlocks, layoutsOf, SPEC } from './spec-text.ts';
import { checkWorkedExchange, specName } from './worked-exchange.ts';

/** The layouts and the examples, without the text around them: it is read again for each fault. */
const lines = [...SPEC.matchAll(/^```(?:layout|hex).*?^```$/gms)].flatMap(([block]) => block.split('\n'));
const NAMES = Object.keys(FRAME_TYPE).map(specName);

/** The places of lines in fenced blocks of one kind, fences left out. */
function placesIn(kind: string): number[] {
  const places: number[] = [];
  let isInside = false;
  lines.forEach((line, i) => {
    if (line.startsWith('```')) isInside = line.startsWith(`\`\`\`${kind}`);
    else if (isInside) places.push(i);
  });
  return places;
}

/** Whether the check finds the fault in SPEC.md with one line replaced, or left out. */
function finds(place: number, line: string | undefined): boolean {
  const changed = [
    ...lines.slice(0, place),
    ...(line === undefined ? [] : [line]),
    ...lines.slice(place + 1),
  ];
  try {
    checkWorkedExchange(changed.join('\n'));
    return false;
  } catch {
    return true;
  }
}

const hexPlaces = placesIn('hex').filter((place) => !lines[place]!.startsWith('#'));
const rowPlaces = placesIn('layout').filter((place) => lines[place]!.includes('|'));

describe('the worked exchange of SPEC.md', () => {
  it('is what the code reads and writes', () => {
    expect(() => checkWorkedExchange(SPEC)).not.toThrow();
  });

  it('shows every frame type', () => {
    const shown = exampleBlocks(SPEC).flatMap(({ frames }) => frames.map(({ name }) => name));
    expect(NAMES.filter((name) => !shown.includes(name))).toEqual([]);
  });

  it('would be found wrong with any byte changed', () => {
    expect(hexPlaces.length).toBeGreaterThan(100);
    const missed: string[] = [];
    for (const place of hexPlaces) {
      const [digits = ''] = lines[place]!.split('  ');
      for (const { index } of digits.matchAll(/[0-9a-f]{2}/g)) {
        const byte = (Number.parseInt(digits.slice(index, index + 2), 16) ^ 1).toString(16).padStart(2, '0');
        const changed = digits.slice(0, index) + byte + lines[place]!.slice(index + 2);
        if (!finds(place, changed)) missed.push(changed);
      }
    }
    expect(missed).toEqual([]);
  });

  it('would be found wrong with any line left out, or a value changed', () => {
    const missed = hexPlaces.filter((place) => !finds(place, undefined)).map((place) => lines[place]);
    expect(missed).toEqual([]);
    for (const place of hexPlaces) {
      const changed = lines[place]!.replace(
        / = (\d)(?=[\d;, ]|$)/,
        (_, digit) => ` = ${(Number(digit) + 1) % 10}`,
      );
      if (changed !== lines[place]) expect(finds(place, changed), changed).toBe(true);
    }
  });
});

describe('the layouts of SPEC.md', () => {
  it('are there for every frame type but PING, which has no body', () => {
    const layouts = layoutsOf(SPEC);
    expect(NAMES.filter((name) => !layouts.has(name))).toEqual(['PING']);
    expect([...layouts.keys()].filter((name) => !NAMES.includes(name))).toEqual(['frame']);
  });

  it('have the same parameters in all handshake messages that have any', () => {
    const layouts = layoutsOf(SPEC);
    const groups = ['HELLO', 'WELCOME', 'JOIN', 'JOINED'].map((name) =>
      layouts.get(name)!.filter((item) => 'length' in item),
    );
    for (const group of groups) expect(group).toEqual(groups[0]);
    expect(groups[0]).toHaveLength(1);
  });

  it('would be found wrong with any row left out', () => {
    expect(rowPlaces.length).toBeGreaterThan(60);
    const parameters = /\| type {14}\| length|\| value, length/;
    const missed = rowPlaces
      .filter((place) => !parameters.test(lines[place]!) && !finds(place, undefined))
      .map((place) => lines[place]);
    expect(missed).toEqual([]);
  });
});
