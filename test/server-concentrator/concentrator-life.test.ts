import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { PartialReloadError } from '../../shared/runtime/config/reload.ts';
import { EndpointError } from '../../shared/runtime/observe/http-endpoint.ts';
import { ListenError } from '../../shared/runtime/tcp/tcp-listener.ts';
import { freePort, takenPort } from '../support/ports.ts';
import { running, untilRunning } from '../support/running.ts';
import { assembled, connect, start } from './concentrator-bed.ts';

beforeEach(async () => {
  // What the test before this one has closed may need a moment to be gone.
  await untilRunning([]);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const at = (port: number) => ({ host: '127.0.0.1', port });

it('leaves nothing behind when it closes', async () => {
  const before = running();
  const { concentrator } = await assembled(['laptop'], {}, { metrics: { listen: at(0), hosts: [] } });
  await concentrator.start();
  // Two servers, the watch of its addresses, that of the event loop, and that of its clients. Its memory is watched while there are streams.
  expect(running().length).toBe(before.length + 5);
  await concentrator.close();
  await untilRunning(before);
});

it('leaves nothing behind when the port of its metrics is taken', async () => {
  const taken = await takenPort();
  onTestFinished(taken.free);
  const before = running();
  const listen = [{ ...at(await freePort()), required: true }];
  const metrics = { listen: at(taken.port), hosts: [] };
  const { concentrator } = await assembled(['laptop'], {}, { listen, metrics });
  await expect(concentrator.start()).rejects.toThrow(EndpointError);
  await untilRunning(before);
  await expect(once(connectTcp(listen[0]!), 'connect')).rejects.toThrow('ECONNREFUSED');
});

it('leaves nothing behind when the port for subflows is taken', async () => {
  const taken = await takenPort();
  onTestFinished(taken.free);
  const before = running();
  const listen = [{ ...at(taken.port), required: true }];
  const { concentrator } = await assembled(['laptop'], {}, { listen, metrics: { listen: at(0), hosts: [] } });
  await expect(concentrator.start()).rejects.toThrow(ListenError);
  await untilRunning(before);
});

it('does without an optional address that this machine does not have, and not without one that is required', async () => {
  const [own, foreign] = [at(0), { host: '192.0.2.1', port: 0 }];
  const listen = [
    { ...own, required: true },
    { ...foreign, required: false },
  ];
  const { lines } = await start(['laptop'], {}, { listen });
  const [warning] = lines.filter((line) => line.includes('listening without the optional addresses'));
  expect(warning).toContain('cannot listen on 192.0.2.1:0');
  const { concentrator } = await assembled(['laptop'], {}, { listen: [{ ...foreign, required: true }] });
  await expect(concentrator.start()).rejects.toThrow('cannot listen on 192.0.2.1:0');
});

it('changes nothing when the egress rules of a new configuration cannot be made', async () => {
  const { concentrator, port, config, lines } = await start(['laptop']);
  const client = await connect(port, 'laptop');
  const deny = [{ target: { kind: 'cidr', cidr: 'no network' } }] as const;
  const announce = { addresses: [{ host: '192.0.2.1', port: 443 }], joinHere: true };
  const broken = { ...config, clients: [], announce, egress: { ...config.egress, deny } };
  const reload = concentrator.reload(broken);
  await expect(reload).rejects.toThrow('CIDR format');
  await expect(reload).rejects.not.toThrow(PartialReloadError);
  await connect(port, 'laptop');
  // What the session began with is all that it hears.
  expect(client.frames.map(({ type }) => type)).toEqual(['datagramSetup']);
  expect(lines.join('')).not.toContain('reloaded');
});

it('says so when a new configuration holds in part only', async () => {
  const { concentrator, port, config, lines } = await start(['laptop']);
  const client = await connect(port, 'laptop');
  const announce = { addresses: [{ host: 'no address', port: 443 }], joinHere: true };
  const reload = concentrator.reload({ ...config, announce });
  await expect(reload).rejects.toThrow(PartialReloadError);
  await expect(reload).rejects.toThrow('internal error');
  expect(lines.join('')).not.toContain('reloaded');
  await concentrator.reload(config);
  expect(lines.join('')).toContain('reloaded');
  expect(client.frames).toEqual([]);
});
