import type { Namespace } from '../../bed/namespace.ts';
import { projectFile, sectionLines } from '../../documents/markdown.ts';
import type { Pair } from './pair.ts';
import { command } from './program.ts';

export const REDIRECT_PORT = 12345;
/** For the client's configuration. */
export const TRANSPARENT = { listen: [`0.0.0.0:${REDIRECT_PORT}`, `[::]:${REDIRECT_PORT}`] };
/** The client runs as root, so what is redirected locally must belong to somebody else: nobody. */
export const AS_NOBODY = ['setpriv', '--reuid=65534', '--clear-groups'] as const;

/** The rule of docs/whole-network.md that lets in what is led to the client, by the heading above it. */
export async function ruleOfPage(heading: '## Set up' | '## TPROXY'): Promise<string> {
  const section = sectionLines(await projectFile('docs/whole-network.md'), heading).join('\n');
  const [, rule] = /^```text\n(.*)\n```$/m.exec(section) ?? [];
  if (rule === undefined) throw new Error(`there is no rule under "${heading}"`);
  return rule;
}

/** Has a machine drop what comes in from outside, but for what it has asked for and what this rule lets in. */
export async function dropAllBut(machine: Namespace, rule = ''): Promise<void> {
  const usual = 'ct state established,related accept; iifname "lo" accept; meta l4proto ipv6-icmp accept;';
  const chain = `chain input { type filter hook input priority 0; policy drop; ${usual} ${rule}; }`;
  await machine.exec('nft', ['-f', '-'], {
    input: `table ${GUARD}\ndelete table ${GUARD}\ntable ${GUARD} { ${chain}; }\n`,
  });
}

/** Takes `dropAllBut` back. */
export async function dropNothing(machine: Namespace): Promise<void> {
  await machine.exec('nft', ['delete', 'table', ...GUARD.split(' ')]);
}

const GUARD = 'inet guard';

/** Runs `transparent` at the client; the addresses of the network are private ones. */
export function transparent(pair: Pair, ...args: readonly string[]): Promise<string> {
  const { network, clientFile } = pair;
  const privately = args.includes('--remove') ? [] : ['--private'];
  return command(network.client, 'client-proxy', [
    'transparent',
    '--config',
    clientFile,
    ...args,
    ...privately,
  ]);
}
