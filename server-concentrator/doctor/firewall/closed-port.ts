import { type Chain, chainsOf, DEFAULT_TABLE } from './chains.ts';
import { type Arrival, rulesIn } from './rule.ts';

/** Programs that print rules. */
export type FilterTool = 'nft' | 'iptables' | 'ip6tables';

/** What becomes of an arrival in a chain: it is let in, refused, or goes on behind it. */
type Outcome = 'accepted' | 'passed on' | Refusal;

interface Refusal {
  /** The chain whose rule or policy it was. */
  readonly by: Chain;
  /** A rule on the way has the port as a condition; otherwise it is what is refused in the end, or by default. */
  readonly namesPort: boolean;
}

/** As many chains may call each other in the kernel. */
const MAX_DEPTH = 16;

/**
 * What opens a port of this machine that the rules close; undefined where they do not. An arrival goes through the chains as in the
 * kernel; but a rule that lets in some clients is taken to let in those that matter, and one that refuses some, not to.
 * @param isV6Used whether clients may come over IPv6: otherwise rules for it alone are no matter
 */
export function closedPortRemedy(
  rules: string,
  arrival: Arrival,
  { tool, isV6Used = true }: { readonly tool: FilterTool; readonly isV6Used?: boolean },
): string | undefined {
  const chains = chainsOf(rules).filter(({ table }) => isV6Used || !table.name.startsWith('ip6 '));
  const known = new Map<Chain, Outcome>();
  // A packet passes each of them, whatever another one says of it.
  for (const first of chains) {
    if (first.hook !== 'input' && first.hook !== 'before') continue;
    const outcome = through(first, arrival, known, 0);
    if (outcome === 'accepted') continue;
    const refusal = outcome === 'passed on' ? byPolicy(first) : outcome;
    // What is dropped before the routing without a look at ports is let in by other marks.
    if (refusal !== undefined && (first.hook === 'input' || refusal.namesPort))
      return openingLine(first, refusal, arrival, tool);
  }
  return undefined;
}

function byPolicy(by: Chain): Refusal | undefined {
  return by.policy === 'drop' ? { by, namesPort: false } : undefined;
}

/** @param known what has been found of other chains */
function through(chain: Chain, arrival: Arrival, known: Map<Chain, Outcome>, depth: number): Outcome {
  const before = known.get(chain);
  if (before !== undefined) return before;
  const outcome = depth > MAX_DEPTH ? 'passed on' : decide(chain, arrival, known, depth);
  known.set(chain, outcome);
  return outcome;
}

function decide(chain: Chain, arrival: Arrival, known: Map<Chain, Outcome>, depth: number): Outcome {
  // Whether arrivals come as far as this rule, as far as can be told.
  let isSure = true;
  for (const line of chain.rules) {
    for (const { match, verdict, namesPort } of rulesIn(line, chain.table, arrival)) {
      if (match === 'none') continue;
      const isCertain = match === 'all' && isSure;
      switch (verdict.kind) {
        case 'accept':
          if (match !== 'unclear') return 'accepted';
          break;
        case 'close':
          if (isCertain) return { by: chain, namesPort };
          break;
        case 'return':
          if (match === 'all') return 'passed on';
          isSure = false;
          break;
        case 'jump':
        case 'goto': {
          const called = chain.table.chains.get(verdict.chain);
          const outcome = called === undefined ? 'passed on' : through(called, arrival, known, depth + 1);
          if (outcome === 'accepted') return outcome;
          if (isCertain && outcome !== 'passed on') {
            return { ...outcome, namesPort: namesPort || outcome.namesPort };
          }
          if (verdict.kind === 'goto' && match === 'all') return 'passed on';
          break;
        }
      }
    }
  }
  return 'passed on';
}

/** How all chains of ufw begin, for IPv4 and IPv6. */
const UFW = /\bufw6?-/;

/** @param first the chain that packets come to: what it lets in no chain that it calls refuses */
function openingLine(
  { table, name, rules }: Chain,
  { by, namesPort }: Refusal,
  { protocol, port }: Arrival,
  tool: FilterTool,
): string {
  if (UFW.test(by.name) || (!namesPort && rules.some((text) => UFW.test(text))))
    return `ufw allow ${port}/${protocol}`;
  if (table.name.includes('firewalld'))
    return `firewall-cmd --permanent --add-port=${port}/${protocol} && firewall-cmd --reload`;
  if (tool !== 'nft') {
    const inTable = table.name === DEFAULT_TABLE ? '' : `-t ${table.name.slice(1)} `;
    return `${tool} ${inTable}-I ${name} -p ${protocol} --dport ${port} -j ACCEPT   # and where the rules are kept for the next start`;
  }
  return `nft insert rule ${table.name} ${name} ${protocol} dport ${port} accept   # and in /etc/nftables.conf for the next start`;
}
