import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Document } from 'yaml';
import { readPlainYaml } from '../../../server-concentrator/config/plain-yaml.ts';
import { YamlSource } from '../../../shared/runtime/config/yaml-source.ts';
import { formatClientKey, generateClientKey } from '../../../shared/runtime/identity/client-key.ts';

/** What the YAML library makes of it; undefined where it refuses. */
function inFull(text: string): unknown {
  try {
    return new YamlSource(text, 'f').value;
  } catch {
    return undefined;
  }
}

it('reads what this program writes', () => {
  const list = [
    { id: 'a', key: '-_abc', created: '2026-01-31T12:00:00Z', publish: [443, '8000-8010'] },
    { id: 'b', label: 'Van number 7', egress: { deny: ['*:25'], only: ['10.0.0.0/8', '*.example.org:443'] } },
  ];
  const document = new Document(list);
  document.commentBefore = ' the clients';
  const text = document.toString({ lineWidth: 0 });
  expect(readPlainYaml(text)).toEqual(list);
});

it.each([
  ['a number', '- id: 12345678901'],
  ['an octal number', '- id: 0o17'],
  ['a float', '- id: 1.5e3'],
  ['infinity', '- id: -.inf'],
  ['true', '- id: true'],
  ['null', '- id: null'],
  ['nothing', '- id:'],
  ['a comment behind', '- id: a # b'],
  ['a map in a text', '- id: a: b'],
  ['an anchor', '- id: &a b'],
  ['an escape', '- id: "a\\n"'],
  ['a quote of another kind', "- id: 'a'"],
  ['a text of several lines', '- id: |\n    a'],
  ['a key twice', '- id: a\n  id: b'],
  ['a map in one line', '- {id: a}'],
  ['a tab', '- id:\ta'],
  ['other indentation', '- id: a\n   key: b'],
  ['two documents', '- id: a\n---\n- id: b'],
  ['a map', 'id: a'],
  ['an empty list in a list', '- id: []'],
  ['letters beyond ASCII', '- id: ä'],
])('leaves %s to the library', (_, text) => {
  expect(readPlainYaml(text)).toBeUndefined();
});

it('never reads anything otherwise than the library', () => {
  const piece = fc.constantFrom(
    ...[
      '- ',
      '  ',
      '    ',
      '\n',
      'id',
      'key',
      'only',
      ': ',
      ':',
      ' ',
      '[',
      ']',
      ', ',
      '"',
      "'",
      '#',
      'a',
      'b7',
    ],
    ...[
      '0x1',
      '7e1f',
      '--',
      '0b1',
      '1_0',
      '+1',
      '1.',
      '12',
      '-',
      '.',
      '*',
      '~',
      'null',
      'true',
      '1e5',
      '8000-8010',
      '*.example.org:443',
      '-a',
      '_',
      '{',
      '&',
    ],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
      const text = `- id: a\n  ${pieces.join('')}`;
      const plain = readPlainYaml(text);
      if (plain !== undefined) expect(plain).toEqual(inFull(text));
    }),
    { numRuns: 5_000 },
  );
});

it('reads any key that a client may have, and ten thousand clients in a moment', async () => {
  const key = () => formatClientKey(generateClientKey());
  const entry = (_: unknown, index: number) =>
    `- id: van-${index}\n  label: Van number ${index}\n  key: ${key()}\n  quota: 100GB\n  created: 2026-01-31T12:00:00Z\n`;
  const text = Array.from({ length: 10_000 }, entry).join('');
  const startMs = performance.now();
  const list = readPlainYaml(text) as unknown[];
  const ms = performance.now() - startMs;
  console.log(`10,000 clients were read in ${Math.round(ms)} ms`);
  expect(list.length).toBe(10_000);
  const some = `${text.split('- id: van-200\n')[0]}`;
  expect(list.slice(0, 200)).toEqual(inFull(some));
});
