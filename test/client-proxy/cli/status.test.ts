import { appendFile } from 'node:fs/promises';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HttpEndpoint } from '../../../shared/runtime/observe/http-endpoint.ts';
import { cli, LINK } from './client-cli-bed.ts';

describe('tributary-client status', () => {
  /** A configuration whose metrics endpoint is this. */
  async function configured(metrics: string) {
    const { exec, file } = await cli();
    await exec('join', LINK);
    await appendFile(file, `metrics: ${metrics}\n`);
    return { exec, file };
  }

  async function endpoint(status: () => object) {
    const started = new HttpEndpoint({
      listen: { host: '127.0.0.1', port: 0 },
      registry: new Registry(),
      ready: () => ({ ok: true, reasons: [] }),
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
});
