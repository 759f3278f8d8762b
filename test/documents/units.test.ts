import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { NO_RULES, redirectRules } from '../../client-proxy/transparent/redirect-rules.ts';
import { PROGRAM_DATA } from '../../deploy/release/program-data.ts';
import { MAX_WORKERS } from '../../server-concentrator/config/concentrator-schema.ts';
import { projectFolder } from '../structure/sources.ts';
import { needs } from '../support/needs.ts';
import { projectFile, sectionLines, shellLines } from './markdown.ts';

/** Node.js has 11 by itself. */
const THREADS_OF_PROCESS = 12;
/** What each unit must say, whatever else it says. */
const WANTED = [
  'LimitCORE=0',
  'UnsetEnvironment=NODE_OPTIONS',
  'NoNewPrivileges=yes',
  'ProtectSystem=strict',
  'ProtectHome=yes',
  'ProtectProc=invisible',
  'ProcSubset=pid',
  'PrivateDevices=yes',
  'DevicePolicy=closed',
  'PrivateTmp=yes',
  'PrivateMounts=yes',
  'RestrictNamespaces=yes',
  'RestrictSUIDSGID=yes',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  'UMask=0077',
  // A mistake in the configuration does not go away by itself.
  'RestartPreventExitStatus=2',
  'Restart=on-failure',
];

describe.each([
  { program: 'client', descriptors: 65_536, heap: 256, memory: 512, tasks: 64 },
  { program: 'concentrator', descriptors: 262_144, heap: 640, memory: 1_280, tasks: 2_048 },
])('the unit of the $program', ({ program, descriptors, heap, memory, tasks }) => {
  const unit = `deploy/tributary-${program}.service`;

  it('confines it', async () => {
    const lines = (await projectFile(unit)).split('\n');
    expect(lines).toEqual(expect.arrayContaining(WANTED));
    expect(lines).toContain(`LimitNOFILE=${descriptors}`);
    expect(lines).toContain(`User=tributary-${program}`);
    expect(lines).toContain(`MemoryMax=${memory}M`);
    expect(lines).toContain(`TasksMax=${tasks}`);
    expect(lines.find((line) => line.startsWith('ExecStart='))).toContain(
      `NODE_OPTIONS=--max-old-space-size=${heap} tributary-${program} `,
    );
  });

  it('is as safe as its page says', needs('systemd'), async () => {
    const [, stated] = /exposure.*?\*\*([\d.]+)\*\*/is.exec(await projectFile('deploy/README.md')) ?? [];
    const { stdout } = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', '--no-pager', `${projectFolder()}/${unit}`],
      { encoding: 'utf8' },
    );
    const [, measured] = /Overall exposure level for .*?: ([\d.]+)/.exec(stdout) ?? [];
    expect(Number(measured)).toBeLessThanOrEqual(Number(stated));
  });
});

it('the unit of the concentrator lets the others go on when a worker was killed for want of memory', async () => {
  // systemd would stop the whole service (DefaultOOMPolicy).
  expect((await projectFile('deploy/tributary-concentrator.service')).split('\n')).toContain(
    'OOMPolicy=continue',
  );
});

it('the unit of the concentrator has tasks for as many workers as a configuration may have', async () => {
  const unit = await projectFile('deploy/tributary-concentrator.service');
  // With the first process, and the check of its health.
  const processes = MAX_WORKERS + 2;
  expect(Number(/^TasksMax=(\d+)$/m.exec(unit)?.[1])).toBeGreaterThanOrEqual(THREADS_OF_PROCESS * processes);
});

it('the socket of the client leads to its service, at the address of the default configuration', async () => {
  const lines = (await projectFile('deploy/tributary-client.socket')).split('\n');
  expect(lines).toEqual(
    expect.arrayContaining(['ListenStream=127.0.0.1:1080', 'Accept=no', 'WantedBy=sockets.target']),
  );
  const service = await projectFile('deploy/tributary-client.service');
  // AF_UNIX, and where Unix sockets may lie.
  expect(service).toMatch(/^RestrictAddressFamilies=.*\bAF_UNIX\b/m);
  expect(service).toMatch(/^RuntimeDirectory=tributary$/m);
});

describe('the guide to the units', () => {
  it('lets users at the socket by a group that reads no keys', async () => {
    const guide = await projectFile('deploy/README.md');
    // Set-up gives the files in /etc/tributary to these groups, where they are there before, and the folder to none.
    const ofKeys = [
      ...guide.matchAll(/useradd .*--user-group .* (\S+)\n.*\nchmod 755 \/etc\/tributary\n/g),
    ].map(([, group]) => group);
    expect(ofKeys).toEqual(['tributary-concentrator', 'tributary-client']);
    expect(guide).not.toMatch(/(?:chown|chmod|chgrp) -R .*\/etc\/tributary/);
    const joined = [...guide.matchAll(/usermod .*--groups (\S+)/g)].map(([, group]) => group);
    const [group] = joined;
    expect(joined).toHaveLength(1);
    expect(ofKeys).not.toContain(group);
    expect(guide).toContain(`groupadd --system ${group}\n`);
    expect(guide).toContain(`\nSocketGroup=${group}\n`);
    const socket = await projectFile('deploy/tributary-client.socket');
    expect(socket).toContain(`# SocketGroup=${group}\n`);
  });

  it.each(Object.entries(PROGRAM_DATA))(
    'removes all of %s, its unit and its user, and proxies before',
    async (program, { configuration, state }) => {
      const guide = await projectFile('deploy/README.md');
      const lines = shellLines(sectionLines(guide, '## Removing').join('\n'));
      const removed = lines
        .filter((line) => line.startsWith('rm '))
        .flatMap((line) => line.split(' ').slice(2));
      const [, folder] = /^StateDirectory=(\S+)$/m.exec(await projectFile(`deploy/${program}.service`)) ?? [];
      expect(state).toBe(`/var/lib/${folder}`);
      const unit = `/etc/systemd/system/${program}.service`;
      const files = configuration.map((name) => `/etc/tributary/${name}`);
      expect(removed).toEqual(expect.arrayContaining([unit, `${unit}.d`, state, '/etc/tributary', ...files]));
      expect(lines).toEqual(
        expect.arrayContaining([`systemctl disable --now ${program}`, `userdel ${program}`]),
      );
      expect(lines[0]).toBe('tributary-client unset-proxy --all-users');
    },
  );

  it('has packet filter rules that those of "transparent" leave alone', async () => {
    const tables = /^(?:delete )?table (\w+ \w+)/gm;
    const tablesIn = (text: string) => new Set([...text.matchAll(tables)].map(([, table]) => table!));
    const inGuide = tablesIn(await projectFile('deploy/README.md'));
    expect(inGuide.size).toBeGreaterThan(0);
    const listen = [{ host: '0.0.0.0', port: 12345 }];
    const redirection = {
      listen,
      lan: ['lan0'],
      usualWay: [],
      refusesQuic: true,
      usesTproxy: false,
      leadsUdp: false,
    };
    const byTproxy = { ...redirection, usesTproxy: true };
    for (const script of [redirectRules(redirection), redirectRules(byTproxy), NO_RULES]) {
      const changed = tablesIn(script);
      expect(changed.size).toBe(1);
      for (const table of changed) expect(inGuide).not.toContain(table);
    }
  });
});
