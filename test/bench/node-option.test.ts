import { expect, test } from 'vitest';
import { nodeOf, parseNode } from './node-option.ts';

test('a Node.js is for all checkouts or for one', () => {
  const options = ['/opt/node', 'tributary@../old:/opt/old/node', 'tributary:node24'].map(parseNode);
  expect([undefined, '../old', '../other'].map((folder) => nodeOf(options, folder))).toEqual([
    ...['node24', '/opt/old/node', '/opt/node'],
  ]);
  expect(nodeOf([], undefined)).toBeUndefined();
});

test('a text without a file is refused', () => {
  expect(() => parseNode('')).toThrow('--node takes FILE or CONTESTANT:FILE');
});
