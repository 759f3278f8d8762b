import { expect, it } from 'vitest';
import { takeInheritedSockets } from '../../../shared/runtime/process/inherited-sockets.ts';

const PID = 4711;

it.each([
  [{}, []],
  [{ LISTEN_PID: '4711', LISTEN_FDS: '1' }, [{ descriptor: 3, name: 'unknown' }]],
  [
    { LISTEN_PID: '4711', LISTEN_FDS: '3', LISTEN_FDNAMES: 'socks::metrics' },
    [
      { descriptor: 3, name: 'socks' },
      { descriptor: 4, name: 'unknown' },
      { descriptor: 5, name: 'metrics' },
    ],
  ],
  // Meant for the program that has started this one.
  [{ LISTEN_PID: '4710', LISTEN_FDS: '1' }, []],
  [{ LISTEN_FDS: '1' }, []],
  [{ LISTEN_PID: '4711' }, []],
  [{ LISTEN_PID: '4711', LISTEN_FDS: '0' }, []],
  [{ LISTEN_PID: '4711', LISTEN_FDS: '-1' }, []],
  [{ LISTEN_PID: '4711', LISTEN_FDS: '1e3' }, []],
  [{ LISTEN_PID: '4711', LISTEN_FDS: '9999' }, []],
  [{ LISTEN_PID: '4711 ', LISTEN_FDS: '1' }, []],
])('%j', (variables, sockets) => {
  const environment: Record<string, string | undefined> = { ...variables, PATH: '/bin' };
  expect(takeInheritedSockets(environment, PID)).toEqual(sockets);
  // So that no child takes them for its own.
  expect(environment).toEqual({ PATH: '/bin' });
});
