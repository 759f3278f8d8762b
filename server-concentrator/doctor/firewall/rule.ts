import type { Table } from './chains.ts';

export type Protocol = 'tcp' | 'udp';

/** A connection of a client that begins, or its packets. */
export interface Arrival {
  readonly protocol: Protocol;
  readonly port: number;
}

/**
 * Which arrivals a rule is about: none; those that fulfil a condition that cannot be judged here; those of some clients (from a network,
 * over an interface, or what else goes with the port); or all.
 */
export type Match = 'none' | 'unclear' | 'some' | 'all';

/** What a rule does with what it matches; all else that rules do lets a packet go on. */
export type Verdict =
  | { readonly kind: 'accept' | 'close' | 'return' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

export interface Rule {
  readonly match: Match;
  readonly verdict: Verdict;
  /** The port is a condition of it. */
  readonly namesPort: boolean;
}

/** What a line of a chain says of an arrival: several rules where it has a map of verdicts, and none where it decides nothing. */
export function rulesIn(line: string, table: Table, arrival: Arrival): Rule[] {
  return withoutMap(withoutRemarks(line), table).flatMap((text) => {
    const [found, verdict] = verdictIn(text, table) ?? [];
    if (verdict === undefined) return [];
    return [{ ...matchOf(text.slice(0, -found!.length), table, arrival), verdict }];
  });
}

/** What a rule matches and does, without what it counts and says. */
function withoutRemarks(line: string): string {
  return line
    .replace(/(-m comment --|\b)comment ("(?:[^"\\]|\\.)*"|\S+)|# handle \d+/g, '')
    .replace(
      /\bcounter( name \S+| packets \d+ bytes \d+)?|\blog( prefix "[^"]*"| (level|group|flags) \w+)*/g,
      '',
    )
    .replace(/-m (tcp|udp|multiport|conntrack|state|set)\b/g, '');
}

/** `KEY vmap { a : VERDICT, b : VERDICT }` as a rule for each element. */
function withoutMap(text: string, { elements }: Table): string[] {
  const [map, key, own, named] = /(.*) vmap (?:\{([^}]*)\}|@(\S+))/.exec(text) ?? [];
  if (map === undefined) return [text];
  const list = own ?? elements.get(named!) ?? '';
  return list.split(',').map((element) => `${key} ${element.trim().replace(/ : (?=[a-z])/, ' ')}`);
}

/** The verdict, and the end of the rule that says it. */
function verdictIn(text: string, { chains }: Table): [string, Verdict] | undefined {
  const [all, call, name, word] =
    /(?<=^|\s)(?:(jump|goto|-j|-g) (\S+).*|(accept|drop|return|reject)\b[\w -]*)$/.exec(text) ?? [];
  if (all === undefined) return undefined;
  const kind = KINDS.get((word ?? name!).toLowerCase());
  if (kind !== undefined) return [all, { kind }];
  // What is no chain does something else: LOG, MARK, DNAT.
  if (!chains.has(name!)) return undefined;
  return [all, { kind: call === 'goto' || call === '-g' ? 'goto' : 'jump', chain: name! }];
}

const KINDS: ReadonlyMap<string, 'accept' | 'close' | 'return'> = new Map([
  ['accept', 'accept'],
  ['drop', 'close'],
  ['reject', 'close'],
  ['return', 'return'],
] as const);

/** Whether arrivals fulfil a condition; some do where it is about the client. */
type Fulfilled = 'no' | 'some' | 'yes';

const OPPOSITE: Readonly<Record<Fulfilled, Fulfilled>> = { no: 'yes', some: 'some', yes: 'no' };

/** A condition as iptables or nft prints it: maybe negated, with what it is compared with. */
interface Condition {
  /** With the groups `not` (of iptables), `operator` (of nft) and `value`, as far as it has them. */
  readonly pattern: RegExp;
  readonly isAboutPort?: boolean;
  /** Without the negation. */
  judge(value: string, found: Found): Fulfilled;
}

interface Found {
  readonly arrival: Arrival;
  readonly table: Table;
  readonly text: string;
  readonly operator: string;
}

function matchOf(line: string, table: Table, arrival: Arrival): Pick<Rule, 'match' | 'namesPort'> {
  let rest = line;
  let namesPort = false;
  const fulfilled = new Set<Fulfilled>();
  for (const { pattern, isAboutPort, judge } of CONDITIONS) {
    rest = rest.replace(pattern, (text, ...found) => {
      const { not, operator = '', value = '' } = found.at(-1) as Record<string, string | undefined>;
      const judged = judge(value, { arrival, table, text, operator });
      const isNegated = not !== undefined || operator === '!=';
      const outcome = isNegated ? OPPOSITE[judged] : judged;
      fulfilled.add(outcome);
      namesPort ||= isAboutPort === true && outcome !== 'no';
      return ' ';
    });
  }
  if (fulfilled.has('no')) return { match: 'none', namesPort };
  if (rest.trim() !== '') return { match: namesPort ? 'some' : 'unclear', namesPort };
  return { match: fulfilled.has('some') ? 'some' : 'all', namesPort };
}

/** A value of nft: one, several in braces, or a set. */
const VALUE = String.raw`(?:(?<operator>[!<>]=|<|>) )?(?<value>\{[^}]*\}|\S+)`;

const CONDITIONS: readonly Condition[] = [
  {
    // Several together, looked up in a set: an address and a port.
    pattern: new RegExp(String.raw`(?:\w+ \w+ \. )+\w+ \w+ ${VALUE}`, 'g'),
    isAboutPort: true,
    judge: (value, { arrival, table, text }) =>
      text.includes(`${arrival.protocol} dport`) &&
      members(value, table).some((one) => one.includes(`${arrival.port}`))
        ? 'some'
        : 'no',
  },
  {
    pattern: /(?<not>! )?--dports? (?<value>\S+)/g,
    isAboutPort: true,
    judge: (value, { arrival, table }) => (hasPort(value, '', arrival.port, table) ? 'yes' : 'no'),
  },
  {
    pattern: new RegExp(String.raw`\bdport ${VALUE}`, 'g'),
    isAboutPort: true,
    judge: (value, { arrival, table, operator }) =>
      hasPort(value, operator, arrival.port, table) ? 'yes' : 'no',
  },
  {
    pattern: new RegExp(String.raw`\b(?:meta l4proto|ip protocol|ip6 nexthdr) ${VALUE}`, 'g'),
    judge: (value, { arrival, table }) => (members(value, table).includes(arrival.protocol) ? 'yes' : 'no'),
  },
  {
    pattern: /(?<not>! )?-p (?<value>\S+)/g,
    judge: (value, { arrival }) => (value === arrival.protocol ? 'yes' : 'no'),
  },
  {
    // What nft compares belongs to a header: that of TCP, of UDP, or of one that has ports.
    pattern: /\b(?<value>tcp|udp|th|icmp|icmpv6|igmp|sctp|esp|ah)\b/g,
    judge: (value, { arrival }) => (value === arrival.protocol || value === 'th' ? 'yes' : 'no'),
  },
  {
    pattern: new RegExp(String.raw`\bct state ${VALUE}`, 'g'),
    judge: (value, { table }) => (members(value, table).includes('new') ? 'yes' : 'no'),
  },
  {
    pattern: /(?<not>! )?--(?:ct)?state (?<value>\S+)/g,
    judge: (value) => (value.split(',').includes('NEW') ? 'yes' : 'no'),
  },
  {
    pattern: new RegExp(String.raw`\b(?:iif|iifname) ${VALUE}`, 'g'),
    judge: (value, { table }) => (members(value, table).every(isInner) ? 'no' : 'some'),
  },
  { pattern: /(?<not>! )?-i (?<value>\S+)/g, judge: (value) => (isInner(value) ? 'no' : 'some') },
  {
    pattern: new RegExp(String.raw`\bip6? saddr ${VALUE}`, 'g'),
    judge: (value, { table }) => (members(value, table).every(isOwn) ? 'no' : 'some'),
  },
  { pattern: /(?<not>! )?-s (?<value>\S+)/g, judge: (value) => (isOwn(value) ? 'no' : 'some') },
  { pattern: /(?<not>! )?--match-set \S+ \S+/g, judge: () => 'some' },
];

/** What is in braces or in a set, or the one value. */
function members(value: string, { elements }: Table): string[] {
  const list = value.startsWith('@') ? (elements.get(value.slice(1)) ?? '') : value.replace(/[{}]/g, '');
  return list.split(',').map((one) => one.trim());
}

function hasPort(value: string, operator: string, port: number, table: Table): boolean {
  const other = Number(value);
  switch (operator) {
    case '>=':
      return port >= other;
    case '>':
      return port > other;
    case '<=':
      return port <= other;
    case '<':
      return port < other;
    default:
      return members(value, table).some((one) => {
        // An element may have a time-out and a comment.
        const [from, to = from] = one.split(' ')[0]!.split(/[-:]/).map(Number);
        return from! <= port && port <= to!;
      });
  }
}

/** Interfaces over which no client comes: those of this machine, and of its containers. */
function isInner(name: string): boolean {
  return /^"?(lo"?$|docker|br-|veth|virbr|lxc|cni|podman)/.test(name);
}

/** Networks of this machine alone. */
function isOwn(network: string): boolean {
  return /^(127\.|::1\b)/.test(network);
}
