import { expect, it } from 'vitest';
import { defaultStateDirectory } from '../../../shared/runtime/config/state-directory.ts';

it.each([
  [{ STATE_DIRECTORY: '/var/lib/tributary', XDG_STATE_HOME: '/x' }, false, '/var/lib/tributary'],
  [{ STATE_DIRECTORY: '/var/lib/a:/var/lib/b' }, false, '/var/lib/a'],
  [{ XDG_STATE_HOME: '/x' }, true, '/x/tributary'],
  [{ XDG_STATE_HOME: 'x' }, false, '/home/alice/.local/state/tributary'],
  [{}, true, '/var/lib/tributary'],
  [{}, false, '/home/alice/.local/state/tributary'],
])('with %j, root %s, the state is in %s', (env, isRoot, expected) => {
  expect(defaultStateDirectory({ env, isRoot, homeDirectory: '/home/alice' })).toBe(expected);
});
