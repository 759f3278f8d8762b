import { expect, test } from 'vitest';
import { foldersOf, parseVersion, versionName, versionPairs } from './versions.ts';

test('a name has a kind, and after the first @ a folder, which may have one itself', () => {
  expect(parseVersion('tributary')).toEqual({ kind: 'tributary' });
  expect(parseVersion('tributary@../other')).toEqual({ kind: 'tributary', folder: '../other' });
  expect(parseVersion('tributary@/srv/a@b')).toEqual({ kind: 'tributary', folder: '/srv/a@b' });
  for (const name of ['tributary', 'tributary-4@/srv/a@b'])
    expect(versionName(parseVersion(name))).toBe(name);
});

test('folders come in the order in which they are named first, our own as undefined', () => {
  expect(foldersOf(['tributary@b', 'single:a', 'tributary', 'tributary-cubic@b', 'tributary@a'])).toEqual([
    'b',
    undefined,
    'a',
  ]);
});

test('of each kind the first is held against all others, and different kinds are not held against each other', () => {
  expect(
    versionPairs([
      'tributary',
      'tributary-cubic@a',
      'tributary@a',
      'kernel-mptcp',
      'tributary@b',
      'tributary',
    ]),
  ).toEqual([
    ['tributary', 'tributary@a'],
    ['tributary', 'tributary@b'],
  ]);
});
