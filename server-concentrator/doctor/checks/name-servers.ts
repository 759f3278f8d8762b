import { failed, ok, warning } from '../../../shared/runtime/doctor/finding.ts';
import type { ConcentratorCheck } from '../case/concentrator-check.ts';

/** Each name server of this machine answers: names of origins are asked of them. */
export const nameServersCheck: ConcentratorCheck = {
  name: 'name-servers',
  async run({ nameServers, askNameServer }) {
    if (nameServers.length === 0)
      return failed('no name server is configured: origins can be reached by number alone', [
        'resolvectl dns   # or /etc/resolv.conf',
      ]);
    const bad = await Promise.all(
      nameServers.map(async (server) => {
        try {
          await askNameServer(server);
          return [];
        } catch (error) {
          return [{ server, reason: wordsFor((error as NodeJS.ErrnoException).code) }];
        }
      }),
    );
    const silent = bad.flat();
    if (silent.length === 0) return ok(`${nameServers.join(', ')}`);
    const words = silent.map(({ server, reason }) => `${server} ${reason}`).join('; ');
    const remedy = [
      `take ${silent.map(({ server }) => server).join(', ')} out of /etc/resolv.conf, or mend it`,
    ];
    return silent.length === nameServers.length ? failed(words, remedy) : warning(words, remedy);
  },
};

function wordsFor(code: string | undefined): string {
  return WORDS[code ?? ''] ?? `does not answer properly (${code})`;
}

const WORDS: Readonly<Record<string, string>> = {
  ETIMEOUT: 'does not answer',
  ECONNREFUSED: 'refuses: nothing listens there',
  ESERVFAIL: 'answers that it cannot resolve (SERVFAIL)',
  EREFUSED: 'refuses to resolve for this machine (REFUSED)',
};
