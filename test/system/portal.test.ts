import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeCertificate } from '../support/certificate.ts';
import { command } from './support/program.ts';
import { describeSystem, expectWhole, report } from './support/system.ts';
import { download } from './support/transfer.ts';

const PROGRAM = fileURLToPath(new URL('support/portal.mjs', import.meta.url));
const PORTAL_PORT = 9000;
const BODY_BYTES = 500_000;
/** From the start of the client to the end of a download: dials, a handshake, half a second of data, on a busy machine. */
const FIRST_USE_MS = 8_000;
/** From the login until the uplink is used: the longest pause between tries, and a dial. */
const AFTER_LOGIN_MS = 12_000;

const KINDS: readonly {
  readonly kind: string;
  readonly reason: RegExp;
  /** What `check` says, which does not ask further. */
  readonly checked?: RegExp;
  readonly cause: string;
}[] = [
  { kind: 'page', reason: /^portal: something that is not TLS answers at /, cause: 'portal' },
  { kind: 'redirect', reason: /^portal: something that is not TLS answers at /, cause: 'portal' },
  { kind: 'stranger', reason: /^portal: a stranger with another certificate answers at /, cause: 'portal' },
  {
    kind: 'stranger-1.2',
    reason: /^portal: a stranger with another certificate answers at /,
    cause: 'portal',
  },
  { kind: 'silent', reason: /takes connections and then says nothing: a portal/, cause: 'timedOut' },
  { kind: 'cut', reason: /TLS failed: .*; is it a concentrator, or a portal\?$/, cause: 'connectionReset' },
  {
    // As most are: it answers browsers, and drops the rest.
    kind: 'drop',
    reason:
      /^\S+:8443 does not answer, while port 443 there does: this network wants a login \(portal\), or /,
    checked: /^no connection to \S+:8443: /,
    cause: 'port-blocked',
  },
];

const paths = [
  { name: 'wan0', downMbps: 20, upMbps: 20 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];

/*
 *   client                     concentrator's namespace
 *    wan0 ◄──────────────────► wan0: nft redirects port 8443 to the portal, until one has logged in; or 80 and 443, and drops 8443
 *    wan1 ◄──────────────────► wan1: port 8443 is the concentrator
 */
describeSystem('a captive portal on one of two uplinks', { paths, congestionControl: 'bbr' }, (system) => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tributary-portal-'));
    const { certificate, privateKey } = await makeCertificate('portal.example');
    await writeFile(join(folder, 'cert'), certificate);
    await writeFile(join(folder, 'key'), privateKey, { mode: 0o600 });
    await system().pair.startConcentrator();
    await system().pair.amend(system().pair.clientFile, { dial: { timeout: '2s' } });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(KINDS)(
    '$kind: is named, holds up nothing, and is left alone once one has logged in',
    async (one) => {
      const { pair, network } = system();
      const { concentrator } = network;
      const args = [PROGRAM, one.kind, String(PORTAL_PORT), join(folder, 'cert'), join(folder, 'key')];
      const portal = concentrator.spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      try {
        await once(portal.stdout!, 'data');
        const isDropping = one.kind === 'drop';
        const redirect = `iifname "wan0" tcp dport { ${isDropping ? '80, 443' : '8443'} } redirect to :${PORTAL_PORT};`;
        const drop = isDropping ? 'iifname "wan0" tcp dport 8443 drop;' : '';
        const chain = (name: string, type: string, priority: string, rule: string) =>
          `chain ${name} { type ${type} hook prerouting priority ${priority}; ${rule} };`;
        const rules = `table inet portal { ${chain('in', 'nat', 'dstnat', redirect)} ${chain('rest', 'filter', 'raw', drop)} }`;
        await concentrator.exec('nft', ['-f', '-'], { input: `${rules}\n` });
        const startedMs = performance.now();
        await pair.startClient();
        await expectWhole(download(pair, BODY_BYTES), BODY_BYTES);
        const firstUseMs = performance.now() - startedMs;
        const told = await pair.client.untilLog(
          // What is found out too late for the first failure is said of the second.
          ({ msg, uplink, reason }) =>
            msg === 'uplink not usable' && uplink === 'wan0' && one.reason.test(String(reason)),
        );
        expect(String(told.reason)).not.toMatch(/error:|routines|\n/);
        expect(
          await pair.client.metric('tributary_uplink_reason_info', { uplink: 'wan0', reason: one.cause }),
        ).toBe(1);
        const checked = await command(network.client, 'client-proxy', ['check', '--config', pair.clientFile]);
        expect(checked).toMatch(/^tried +wan1: reaches the concentrator in \d+ ms; UDP passes, in \d+ ms$/m);
        expect(/^tried +wan0: (.*)$/m.exec(checked)?.[1]).toMatch(one.checked ?? one.reason);
        expect(firstUseMs).toBeLessThan(FIRST_USE_MS);

        const since = pair.client.log.length;
        await concentrator.exec('nft', ['delete', 'table', 'inet', 'portal']);
        const loginMs = performance.now();
        await pair.untilUp(['wan0'], since);
        const usedMs = performance.now() - loginMs;
        report(
          `portal, ${one.kind}: first download after ${firstUseMs.toFixed(0)} ms, ` +
            `used ${usedMs.toFixed(0)} ms after the login; "${told.reason}"`,
        );
        expect(usedMs).toBeLessThan(AFTER_LOGIN_MS);
      } finally {
        await concentrator.exec('nft', ['delete', 'table', 'inet', 'portal']).catch(() => {});
        portal.kill();
      }
    },
  );
});
