/*
 *  a network of its own
 *  root ──► tributary-client 127.0.0.1:1080, whose configuration root alone may read
 *  nobody ──► tributary-client set-proxy
 */
import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { needs } from '../../support/needs.ts';
import { programFile } from '../support/program.ts';

const NOBODY = 65534;
const START = `"$@" --config "$0" > "$0.log" 2>&1 & client=$!
  until grep -q 'is up' "$0.log"; do sleep 0.2; done`;
const SOCKS_ALONE = `"$1" -e '
  const answer = (socket) => (bytes) => (bytes[0] === 5 ? socket.write(Buffer.of(5, 0)) : socket.destroy());
  const server = require("node:net").createServer((socket) => socket.on("error", () => {}).once("data", answer(socket)));
  server.listen(1080, "127.0.0.1", () => console.log("is up"));' > "$0.log" 2>&1 & client=$!
  until grep -q 'is up' "$0.log"; do sleep 0.2; done`;
const SET = `code=0; cd "$HOME/work"
  setpriv --reuid=${NOBODY} --clear-groups "$@" set-proxy || code=$?
  [ -z "\${client-}" ] || { kill $client; wait $client || true; }
  exit $code`;

describe('set-proxy by a user who may not read the configuration of the service', needs('network'), () => {
  it.each<[what: string, config: string, script: string, status: number, said: RegExp]>([
    [
      'takes the usual address, where a client answers',
      '',
      START,
      0,
      /tributary-client\.yaml: .*permission denied.*\n.*127\.0\.0\.1:1080/,
    ],
    [
      'refuses where nothing answers',
      '',
      '',
      2,
      /permission denied\n.*127\.0\.0\.1:1080.*--proxy ADDRESS:PORT/,
    ],
    [
      'refuses where a password is asked for, which it does not know',
      'socks: {users: [{name: me, password: secret}]}\n',
      START,
      2,
      /permission denied\n.*127\.0\.0\.1:1080.*--proxy ADDRESS:PORT/,
    ],
    [
      'refuses what takes SOCKS alone, as ssh does: desktops are told of HTTP, too',
      '',
      SOCKS_ALONE,
      2,
      /permission denied\n.*127\.0\.0\.1:1080.*--proxy ADDRESS:PORT/,
    ],
    [
      'refuses where the file is named: another client is not what is meant',
      '',
      `${START}\nexport TRIBUTARY_CONFIG="$0"`,
      2,
      /permission denied[^\n]*\n?$/,
    ],
  ])('%s', async (_, config, script, status, said) => {
    const home = await temporaryDirectory();
    await chmod(home, 0o755);
    const work = join(home, 'work');
    await mkdir(work);
    const file = join(work, 'tributary-client.yaml');
    await writeFile(file, `mode: direct\nuplinks: auto\nstateDir: .\nmetrics: false\n${config}`, {
      mode: 0o600,
    });
    const settings = join(home, 'settings');
    await mkdir(settings);
    await chown(settings, NOBODY, NOBODY);
    const set = spawnSync(
      'unshare',
      [
        '--net',
        'sh',
        '-euc',
        `ip link set lo up\n${script}\n${SET}`,
        file,
        process.execPath,
        programFile('client-proxy'),
      ],
      {
        encoding: 'utf8',
        timeout: 150_000,
        env: { PATH: process.env.PATH, HOME: home, XDG_CONFIG_HOME: settings, XDG_STATE_HOME: settings },
      },
    );
    expect([set.status, set.stderr]).toEqual([status, expect.stringMatching(said)]);
    const written = await readFile(join(settings, 'environment.d/50-tributary-proxy.conf'), 'utf8').catch(
      () => '',
    );
    expect(written.includes('http_proxy=http://127.0.0.1:1080\n')).toBe(status === 0);
  });
});
