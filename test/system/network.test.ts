import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { run } from '../bed/namespace.ts';
import { needs } from '../support/needs.ts';
import { Network } from './support/namespaces.ts';

const paths = [{ name: 'wan0', downMbps: 40, upMbps: 40 }];

test('closing a network leaves no namespace and no process', needs('network'), async () => {
  const network = await Network.create({ paths, congestionControl: 'cubic' });
  const { client, concentrator, origin } = network;
  const program = concentrator.spawn('sleep', ['60']);
  await once(program, 'spawn');
  // By default, or by its routes where the machine does not allow another default.
  const byDefault = await client.exec('cat', ['/proc/sys/net/ipv4/tcp_congestion_control']);
  const routes = (await client.exec('ip', ['-4', 'route', 'show'])).trim().split('\n');
  const others = routes.filter((route) => !route.includes('congctl cubic'));
  expect(byDefault.trim() === 'cubic' ? [] : others).toEqual([]);
  const ended = once(program, 'exit');
  await network.close();
  await ended;
  expect(existsSync(`/proc/${program.pid}`)).toBe(false);
  const left = await run('ip', ['netns', 'list']);
  for (const { name } of [client, concentrator, origin]) expect(left).not.toContain(name);
});
