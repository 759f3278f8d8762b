import { pino } from 'pino';
import { expect, it } from 'vitest';
import { ClientLogs } from '../../../server-concentrator/limits/client-logs.ts';
import { LINE_BOUNDS } from '../../../shared/runtime/observe/line-limit.ts';

function bed() {
  const lines: string[] = [];
  const logs = new ClientLogs(
    pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }),
    () => 0,
  );
  const write = (clientId: string, count: number) => {
    for (let i = 0; i < count; i++) logs.of(clientId).info({}, 'something');
  };
  return { logs, lines, write };
}

it('bounds the lines of a client, over all its sessions, and not those of others', () => {
  const { logs, lines, write } = bed();
  write('laptop', 100);
  logs.ofSession('laptop', 'abcd').info({}, 'something');
  expect(lines).toHaveLength(LINE_BOUNDS.burst);
  write('phone', 1);
  expect(lines).toHaveLength(LINE_BOUNDS.burst + 1);
});

it('forgets clients that were removed', () => {
  const { logs, lines, write } = bed();
  for (const clientId of ['gone', 'stays']) write(clientId, 100);
  logs.keepClients((clientId) => clientId === 'stays');
  lines.length = 0;
  for (const clientId of ['gone', 'stays']) write(clientId, 100);
  // One that comes back under the name begins anew.
  expect(lines.map((line) => JSON.parse(line).client)).toEqual(Array(LINE_BOUNDS.burst).fill('gone'));
});
