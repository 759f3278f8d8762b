import { once } from 'node:events';
import { appendFile, chmod } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Health, HttpEndpoint } from '../../../shared/runtime/observe/http-endpoint.ts';
import { asUser, IS_ROOT, NOBODY } from '../../support/as-user.ts';
import { cli, LINK } from './client-cli-bed.ts';

describe('tributary-client status', () => {
  /** A configuration whose metrics endpoint is this. */
  async function configured(metrics: string) {
    const { exec, file, home } = await cli();
    await exec('join', LINK);
    await appendFile(file, `metrics: ${metrics}\n`);
    return { exec, file, home };
  }

  async function endpoint(status: () => object, health: Health = { ok: true, reasons: [] }) {
    const started = new HttpEndpoint({
      listen: { host: '127.0.0.1', port: 0 },
      registry: new Registry(),
      ready: () => health,
      status,
      statusText: () => 'no uplink\n',
    });
    const address = await started.start();
    onTestFinished(() => started.close());
    return address!.port;
  }

  it('prints what the running client says, as tables or as JSON', async () => {
    const port = await endpoint(() => ({ uplinks: [] }));
    // A program that listens everywhere is asked here.
    const { exec } = await configured(`{listen: "0.0.0.0:${port}"}`);
    expect(await exec('status')).toEqual({ code: 0, stdout: 'no uplink\n', stderr: '' });
    const { stdout } = await exec('status', '--json');
    expect(JSON.parse(stdout)).toEqual({ uplinks: [] });
  });

  it('says by its exit code whether the running client can serve, and why not', async () => {
    const able = await configured(`{listen: "127.0.0.1:${await endpoint(() => ({}))}"}`);
    expect(await able.exec('status', '--ready')).toEqual({ code: 0, stdout: 'ok\n', stderr: '' });
    const unable = { ok: false, reasons: ['no uplink works'] };
    const { exec } = await configured(`{listen: "127.0.0.1:${await endpoint(() => ({}), unable)}"}`);
    expect(await exec('status', '--ready')).toEqual({
      ...{ code: 1, stdout: '' },
      stderr: 'tributary-client: not ok\nno uplink works\n',
    });
    expect(await exec('status', '--ready', '--json')).toMatchObject({ code: 2 });
  });

  it('says where nothing answers, what answers otherwise, and that it needs the endpoint', async () => {
    const off = await configured('false');
    expect(await off.exec('status')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^tributary-client: .*tributary-client\.yaml: "metrics: false" .* metrics\.listen/,
      ),
    });
    const nobody = await configured('{listen: "127.0.0.1:1"}');
    expect(await nobody.exec('status')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /nothing answers at 127\.0\.0\.1:1 .*does tributary-client run.*ECONNREFUSED/,
      ),
    });
    const broken = await configured(
      `{listen: "127.0.0.1:${await endpoint(() => {
        throw new Error('no');
      })}"}`,
    );
    expect(await broken.exec('status')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('tells no status (HTTP 500)'),
    });
  });

  describe.skipIf(!IS_ROOT)('beside a service, whose configuration root alone may read', () => {
    async function asOrdinaryUser(...args: readonly string[]) {
      const { exec, file, home } = await configured('false');
      await chmod(home, 0o755);
      for (const folder of ['.config', '.config/tributary']) await chmod(join(home, folder), 0o755);
      await chmod(file, 0o600);
      return asUser(NOBODY, () => exec(...args));
    }

    // Nobody is asked: these options do not go together, and top has no terminal here.
    it.each([
      [['status', '--json', '--ready'], 'either --json or --ready'],
      [['top'], 'needs a terminal'],
    ])('%j asks at the usual address, and says so', async (args, then) => {
      const { code, stderr } = await asOrdinaryUser(...args);
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(/permission denied\nSo this asks at 127\.0\.0\.1:9101, the usual address\.\n/),
      ]);
      expect(stderr).toContain(then);
    });

    it.each(['check', 'doctor', 'usage', 'speedtest'])('%s says that it needs root', async (command) => {
      expect(await asOrdinaryUser(command)).toEqual({
        ...{ code: 2, stdout: '' },
        stderr: expect.stringMatching(/permission denied\nRoot and the service may: run this as root\n$/),
      });
    });
  });

  it('does not collect an answer without an end', async () => {
    const piece = Buffer.alloc(1 << 20, 'a');
    const server = createServer((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(piece));
      };
      response.on('drain', more);
      more();
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close().closeAllConnections());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { exec } = await configured(`{listen: "127.0.0.1:${port}"}`);
    expect(await exec('status')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('the answer has no end'),
    });
  });
});
