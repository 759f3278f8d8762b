import { SCENARIOS } from '../all-scenarios.ts';
import { parseVersion } from '../comparison/versions.ts';

/** Kinds of contestants that can also be those of another checkout. */
const OF_ANY_CHECKOUT: readonly string[] = ['tributary', 'tributary-cubic', 'tributary-1', 'tributary-4'];

/** What `--contestants` can name on emulated links. */
export const CONTESTANTS: readonly string[] = [
  ...['tributary', 'tributary-cubic', 'kernel-mptcp', 'c-socks', 'single'],
  ...new Set(SCENARIOS.flatMap(({ uplinks }) => uplinks.map(({ name }) => `single:${name}`))),
];

/** What `--contestants` can name on loopback; `tributary` stands for both of its kinds there. */
export const LOOPBACK_CONTESTANTS: readonly string[] = [
  ...['tributary', 'tributary-1', 'tributary-4', 'node-pipe', 'shadowsocks'],
];

/** Reads names with commas between them. Throws an Error when one is not `known` or cannot be that of another checkout. */
export function parseContestants(list: string, known: readonly string[]): string[] {
  const names = [...new Set(list.split(','))];
  for (const name of names) {
    const { kind, folder } = parseVersion(name);
    if (!known.includes(kind)) throw new Error(`no contestant "${kind}"; there are ${known.join(', ')}`);
    if (folder === undefined) continue;
    if (folder === '') throw new Error(`"${name}" lacks the folder of a checkout after the @`);
    if (!OF_ANY_CHECKOUT.includes(kind))
      throw new Error(`"${name}": only contestants of Tributary can be those of another checkout`);
  }
  return names;
}

/** Whether a contestant, or a kind of them, is among those asked for. */
export function isWanted(name: string, wanted: readonly string[] | undefined): boolean {
  return (
    wanted?.some((one) => one === name || name.startsWith(`${one}:`) || one.startsWith(`${name}:`)) ?? true
  );
}
