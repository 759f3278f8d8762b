import * as z from 'zod';
import type { Finding } from '../finding.ts';
import { parseIpJson } from '../ip-json.ts';
import { confKey, defaultRouteCommand, deviceWord, ipCommand, ownNumber } from '../remedy-commands.ts';
import { routeOf } from '../route-questions.ts';
import type { Path } from './path.ts';
import type { PathRoutes } from './path-routes.ts';
import { isInPrefix } from './prefix.ts';
import { wantsRule } from './refusals.ts';

/** Why packets do not leave, or not over the uplink's interface. */
export async function routeFault(path: Path, routes: PathRoutes): Promise<Finding | undefined> {
  const { own, remote, family } = path;
  const { source, way, back } = routes;
  const found = routeOf(way);
  if (found !== undefined) {
    const isElsewhere = found.devices.length > 0 && !found.devices.includes(own.name);
    return isElsewhere ? leavesElsewhere(path, source, found.devices) : undefined;
  }
  // What is bound to an interface and may not go there gets another error.
  const refusal = [way, back].flatMap((answer) => {
    const isRefused = 'error' in answer && (answer === back ? REFUSING_UNBOUND : REFUSING).test(answer.error);
    return isRefused ? [answer.error] : [];
  });
  const table = await tableWithRoute(path);
  if (refusal[0] !== undefined && (table === undefined || !(await wantsRule(path, source, table)))) {
    return {
      code: 'route-refused',
      severity: 'fault',
      words: `a route or rule of this machine refuses packets to ${remote.host} over ${own.name} (${refusal[0]})`,
      remedy: `delete it: \`${ipCommand(family)} rule\` and \`${ipCommand(family)} route show table all\` list prohibit, blackhole and unreachable`,
    };
  }
  if (table !== undefined) {
    return {
      code: 'rule-needed',
      severity: 'fault',
      words: `the route to ${remote.host} over ${own.name} is in table ${table}, which no rule names for packets from ${source}`,
      remedy: `\`${ipCommand(family)} rule add from ${source} lookup ${table}\``,
    };
  }
  return {
    code: 'no-route',
    severity: 'fault',
    words: `there is no route to ${remote.host} over ${own.name}`,
    remedy: `\`${defaultRouteCommand(own, family, own.isBroadcast)} metric ${ownNumber(own)}\``,
  };
}

/** Of prohibit and blackhole; for what is bound to an interface, unreachable reads as if there were no route. */
const REFUSING = /Permission denied|Invalid argument/;
/** For others it does not: without any route the network is unreachable. */
const REFUSING_UNBOUND = /Permission denied|Invalid argument|No route to host/;

/** Why the kernel drops what comes back (RFC 3704; ip-sysctl: rp_filter). IPv6 has no such filter of its own. */
export async function reversePathFault(
  path: Path,
  { source, back }: PathRoutes,
): Promise<Finding | undefined> {
  const { own, remote, family, kernel } = path;
  if (family === 6) return undefined;
  const values = await Promise.all(['all', own.name].map((device) => kernel.readConf(device, 'rp_filter')));
  // The higher value counts.
  const mode = Math.max(...values.map((value) => value ?? 0));
  if (mode === 0) return undefined;
  const found = routeOf(back);
  if (found === undefined) {
    return {
      code: 'rp-filter',
      severity: 'fault',
      words: `reverse path filtering on ${own.name} drops what ${remote.host} answers: no route leads back from ${source}`,
      remedy: `\`sysctl -w ${confKey('all', 'rp_filter')}=0 ${confKey(own.name, 'rp_filter')}=0\``,
    };
  }
  if (mode !== STRICT || found.devices.length === 0 || found.devices.includes(own.name)) return undefined;
  return {
    code: 'rp-filter',
    severity: 'fault',
    words: `strict reverse path filtering on ${own.name} drops what ${remote.host} answers: the route back from ${source} is over ${found.devices.join(', ')}`,
    remedy: `\`sysctl -w ${confKey(own.name, 'rp_filter')}=2\``,
  };
}

const STRICT = 1;

function leavesElsewhere({ own, family }: Path, source: string, devices: readonly string[]): Finding {
  const table = ownNumber(own);
  const addRoute = `${defaultRouteCommand(own, family, own.isBroadcast)} table ${table}`;
  return {
    code: 'leaves-elsewhere',
    severity: 'fault',
    words: `packets from ${source} leave over ${devices.join(', ')}, not over ${own.name}, which has this address`,
    remedy: `\`${ipCommand(family)} rule add from ${source} lookup ${table} && ${addRoute}\``,
  };
}

const listedRoutes = z.array(
  z.object({ dst: z.string(), type: z.string().optional(), table: z.coerce.string().optional() }),
);

/** A table other than the usual ones that has a route to the other end over the interface. */
async function tableWithRoute({ own, remote, family, kernel }: Path): Promise<string | undefined> {
  const args = ['-json', `-${family}`, 'route', 'show', 'table', 'all', 'dev', deviceWord(own)];
  const output = await kernel.runIp(args);
  const routes = listedRoutes.safeParse(output && parseIpJson(output.stdout)).data ?? [];
  return routes.find(({ dst, type = 'unicast', table }) => {
    if (table === undefined || ['main', 'local', 'default'].includes(table) || type !== 'unicast')
      return false;
    return isInPrefix(remote.host, dst, family);
  })?.table;
}
