import { expect, test } from 'vitest';
import { serviceGroupId } from '../../../shared/runtime/config/service-group.ts';
import { temporaryFile } from '../../config/temporary-directory.ts';

const CONFIG = '/etc/tributary/tributary-client.yaml';
const ROOT = { isRoot: true };

test.each([
  ['is there', 'root:x:0:\ntributary-client:x:991:\n', CONFIG, ROOT, 991],
  ['has members', 'tributary-client:x:991:alice,bob\n', CONFIG, ROOT, 991],
  ['is named like another', 'tributary-client-old:x:990:\n', CONFIG, ROOT, undefined],
  ['has no number', 'tributary-client:x::\n', CONFIG, ROOT, undefined],
  ['is missing', '', CONFIG, ROOT, undefined],
  ['is there, but not root asks', 'tributary-client:x:991:\n', CONFIG, { isRoot: false }, undefined],
  ['is there, for a file elsewhere', 'tributary-client:x:991:\n', '/root/client.yaml', ROOT, undefined],
])('the group of a service that %s', async (_, groups, file, places, expected) => {
  const groupFile = await temporaryFile('group', groups);
  expect(await serviceGroupId('tributary-client', file, places, groupFile)).toBe(expected);
});

test('no list of groups is no error', async () => {
  expect(await serviceGroupId('tributary-client', CONFIG, ROOT, '/nonexistent/group')).toBeUndefined();
});
