import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { useCleanups } from '../../support/cleanups.ts';
import { needs } from '../../support/needs.ts';
import { expectEcho, startEchoPair } from '../support/echo-pair.ts';
import { UPLINKS } from '../support/pair.ts';
import { programFile } from '../support/program.ts';

const MOUNT = 'mount -t tmpfs -o size=64k none "$0"';
const FILL = 'head -c 200000 /dev/zero > "$0/filler" 2> /dev/null';

describe('a full disk', needs('mounts'), () => {
  const onCleanup = useCleanups();

  it('keeps no client from its work, which keeps its usage again as soon as it can', async () => {
    const folder = await temporaryDirectory();
    const { pair, socket } = await startEchoPair(onCleanup, {
      under: { client: ['unshare', '--mount', 'sh', '-c', `${MOUNT}; ${FILL}; exec "$@"`, folder] },
      client: {
        stateDir: folder,
        uplinks: UPLINKS.map((name, i) => ({ name, address: `127.0.0.${2 + i}`, metered: {} })),
      },
    });
    // Less is written down once a minute only.
    await expectEcho(socket, 2_000_000);
    await pair.client.untilLine('the usage of metered uplinks cannot be kept', { limitMs: 20_000 });
    expect(pair.client.output).toContain('no space left on the device');
    expect((await pair.get('client', '/metrics')).status).toBe(200);
    const inside = `/proc/${pair.client.pid}/root${folder}`;
    // Neither a lock nor the beginning of a file is left.
    expect(readdirSync(inside)).toEqual(['filler']);
    rmSync(`${inside}/filler`);
    await pair.client.untilLine('is kept again', { limitMs: 20_000 });
    expect(readdirSync(inside)).toEqual(['metered-usage.json']);
    expect(pair.client.output.split('\n').filter((line) => line.includes('cannot be kept'))).toHaveLength(1);
  });

  it.each([
    ['client add another', 'clients.yaml'],
    ['init --force --public 127.0.0.1', 'key.pem'],
  ])('leaves files as they were, and says why: %s', async (command, file) => {
    const folder = await temporaryDirectory();
    const [verb = ''] = command.split(' ');
    const where = verb === 'init' ? '--directory "$0"' : '--config "$0/tributary-concentrator.yaml"';
    const script = `${MOUNT}
      "$@" init --public 127.0.0.1 --directory "$0" > /dev/null || exit 100
      ${FILL}
      before=$(cat "$0/${file}" | cksum; ls -A "$0")
      "$@" ${command} ${where}
      code=$?
      [ "$before" = "$(cat "$0/${file}" | cksum; ls -A "$0")" ] || exit 101
      exit $code`;
    const program = [process.execPath, programFile('server-concentrator')];
    const args = ['--mount', 'sh', '-c', script, folder, ...program];
    const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^tributary-concentrator: cannot write .*: no space left on the device$/m);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('takes away what "init" has written before, so that it can be run again', async () => {
    const folder = await temporaryDirectory();
    // Room for the folder, the lock, the key and the certificate, and for no further file; and then for more.
    const script = `mount -t tmpfs -o nr_inodes=4 none "$0"
      "$@" init --public 127.0.0.1 --directory "$0" && exit 100
      ls -A "$0"
      mount -o remount,nr_inodes=100 "$0"
      "$@" init --public 127.0.0.1 --directory "$0" > /dev/null`;
    const program = [process.execPath, programFile('server-concentrator')];
    const args = ['--mount', 'sh', '-c', script, folder, ...program];
    const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' });
    expect(stderr).toMatch(/cannot write .*clients\.yaml: no space left on the device$/m);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });
});
