import * as z from 'zod';
import { interfaceNameIn, parseIpJson } from '../ip-json.ts';
import type { Path } from './path.ts';
import { isInPrefix } from './prefix.ts';

const REFUSALS = ['prohibit', 'unreachable', 'blackhole'];

const listedRules = z.array(
  z.looseObject({
    src: z.string().default('all'),
    srclen: z.number().optional(),
    dst: z.string().default('all'),
    dstlen: z.number().optional(),
    oif: z.string().optional(),
    table: z.coerce.string().optional(),
    action: z.string().optional(),
  }),
);
const listedRoutes = z.array(z.object({ dst: z.string() }));

/**
 * Whether packets from `source` are refused for want of a rule that leads them to `table`: what refuses them is there for all that
 * no rule leads elsewhere, as a last route of the main table or a kill switch is. False where iproute2 does not tell.
 */
export function wantsRule(path: Path, source: string, table: string): Promise<boolean> {
  const answers = Promise.all([isNamedByRule(path, source, table), isNamedByRoute(path)]);
  return answers.then(
    ([byRule, byRoute]) => !byRule && !byRoute,
    () => false,
  );
}

/** Whether a rule refuses these packets among all, or leads them to the table already. */
async function isNamedByRule(
  { own, remote, family, kernel }: Path,
  source: string,
  table: string,
): Promise<boolean> {
  const output = await kernel.runIp(['-json', `-${family}`, 'rule', 'show']);
  const rules = listedRules.parse(output && parseIpJson(output.stdout));
  return rules.some((rule) => {
    if ('not' in rule) return false;
    const isFor = (host: string, base: string, length: number | undefined) =>
      base !== 'all' && isInPrefix(host, length === undefined ? base : `${base}/${length}`, family);
    const isForSource = isFor(source, rule.src, rule.srclen);
    if (!REFUSALS.includes(rule.action ?? '')) return isForSource && rule.table === table;
    const isForInterface = rule.oif !== undefined && interfaceNameIn(rule.oif) === own.name;
    return isForSource || isForInterface || isFor(remote.host, rule.dst, rule.dstlen);
  });
}

/** Whether a route, of any table, refuses packets to the other end, and not packets to anywhere. */
async function isNamedByRoute({ remote, family, kernel }: Path): Promise<boolean> {
  const listed = await Promise.all(
    REFUSALS.map(async (type) => {
      const args = ['-json', `-${family}`, 'route', 'show', 'table', 'all', 'type', type];
      const output = await kernel.runIp(args);
      return listedRoutes.parse(output && parseIpJson(output.stdout));
    }),
  );
  return listed.flat().some(({ dst }) => dst !== 'default' && isInPrefix(remote.host, dst, family));
}
