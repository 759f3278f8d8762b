/** What the doctor reads in the text of `nft list ruleset` and of `iptables-save`, and the line that opens a port there. */

export type Protocol = 'tcp' | 'udp';

/** A chain of rules, or a set or map that rules use. */
interface Chain {
  /** As nft names it: `inet filter`; as iptables-save begins it: `*filter`. */
  readonly table: string;
  readonly name: string;
  /** Packets come to it by themselves: on their way to this machine, before it is known that they are for it, or to others. */
  hook: 'input' | 'before' | 'elsewhere' | undefined;
  readonly lines: string[];
}

/** A line of the text, and where it stands. */
interface Line {
  readonly text: string;
  readonly chain: Chain;
}

/**
 * What opens a port of this machine that the rules close; undefined where they do not. What drops by default, or in the end, has to name
 * the port somewhere, be it in a set; and a rule may close the port alone. Rules with further conditions are taken to let clients in.
 * @param isV6Used whether clients may come over IPv6: otherwise rules for it alone are no matter
 */
export function closedPortRemedy(
  rules: string,
  port: number,
  protocol: Protocol,
  isV6Used = true,
): string | undefined {
  const chains = chainsOf(rules).filter(({ table }) => isV6Used || !table.startsWith('ip6 '));
  // A packet passes each of them, whatever another one says of it. They may call the other chains of their table.
  const begun = chains.filter(({ hook }) => hook === 'input' || hook === 'before');
  for (const first of begun) {
    const called = chains.filter(({ table, hook }) => table === first.table && hook === undefined);
    const remedy = remedyIn([first, ...called], port, protocol);
    if (remedy !== undefined) return remedy;
  }
  return undefined;
}

/** @param chains one that packets come to, and those that it may call */
function remedyIn(chains: readonly Chain[], port: number, protocol: Protocol): string | undefined {
  const lines = chains
    .flatMap((chain) => chain.lines.map((text) => ({ text, chain })))
    .filter(({ text }) => isFor(text, protocol));
  const deciding = lines.find(
    ({ text }) => namesPort(text, port) && (!closes(text) || isForAll(text.replace(PORTS, ''))),
  );
  if (deciding !== undefined) {
    return closes(deciding.text) ? openingLine(deciding.chain, port, protocol, false) : undefined;
  }
  const closing = lines.find((line) => dropsByDefault(line) || dropsTheRest(line));
  return closing && openingLine(closing.chain, port, protocol, true);
}

/** @param isByDefault the chain lets in what it, or one that it calls, names */
function openingLine(
  { table, name, lines }: Chain,
  port: number,
  protocol: Protocol,
  isByDefault: boolean,
): string {
  if (name.startsWith(UFW) || (isByDefault && lines.some((text) => text.includes(` ${UFW}`))))
    return `ufw allow ${port}/${protocol}`;
  if (table.includes('firewalld'))
    return `firewall-cmd --permanent --add-port=${port}/${protocol} && firewall-cmd --reload`;
  if (table.startsWith('*')) {
    const inTable = table === DEFAULT_TABLE ? '' : `-t ${table.slice(1)} `;
    return `iptables ${inTable}-I ${name} -p ${protocol} --dport ${port} -j ACCEPT   # and where the rules are kept for the next start`;
  }
  return `nft insert rule ${table} ${name} ${protocol} dport ${port} accept   # and in /etc/nftables.conf for the next start`;
}

/** How all chains of ufw begin. */
const UFW = 'ufw-';
/** What iptables means when no table is named. */
const DEFAULT_TABLE = '*filter';

/** In the order of the text. */
function chainsOf(rules: string): Chain[] {
  let table = DEFAULT_TABLE;
  let chain: Chain | undefined;
  // The chains of iptables are named together first, and their rules follow.
  const chains = new Map<string, Chain>();
  for (const text of rules.split('\n')) {
    table = /^(?:table (\S+ \S+)|(\*\S+))/.exec(text)?.slice(1).find(Boolean) ?? table;
    const begun = /\b(?:chain|set|map) (\S+) \{/.exec(text)?.[1];
    const named = /^(?::|-A )(\S+)/.exec(text)?.[1];
    const name = begun ?? named;
    if (name !== undefined) {
      const key = `${table} ${name}`;
      chain = chains.get(key) ?? { table, name, hook: HOOKS.get(named ?? ''), lines: [] };
      chains.set(key, chain);
    }
    const hook = /\bhook (\w+)/.exec(text)?.[1];
    if (chain !== undefined && hook !== undefined) chain.hook = HOOKS.get(hook.toUpperCase()) ?? 'before';
    chain?.lines.push(text.trim());
  }
  return [...chains.values()];
}

/** By the names that iptables has for its chains, and nft, in lower case, for hooks. */
const HOOKS: ReadonlyMap<string, Chain['hook']> = new Map([
  ['INPUT', 'input'],
  ['PREROUTING', 'before'],
  ['FORWARD', 'elsewhere'],
  ['OUTPUT', 'elsewhere'],
  ['POSTROUTING', 'elsewhere'],
] as const);
const POLICY = /hook \w+.*policy \w+|^:\S+ \w+/;

/** A chain before the routing that drops by default lets in by other marks than ports. */
function dropsByDefault({ text, chain }: Line): boolean {
  return chain.hook === 'input' && /policy drop|^:INPUT (DROP|REJECT)\b/.test(text);
}

/** The last rule of many a chain whose policy is to accept. */
function dropsTheRest({ text, chain }: Line): boolean {
  return chain.hook === 'input' && closes(text) && isForAll(text.replace(PROTOCOL, ''));
}

function closes(text: string): boolean {
  return !POLICY.test(text) && /\b(drop|reject)\b|-j (DROP|REJECT)\b/.test(text);
}

/** Whether a rule that closes has no condition: without its chain and verdict nothing is left. */
function isForAll(text: string): boolean {
  const rest = withoutRemarks(text)
    .replace(/^-A \S+/, '')
    .replace(/-j (DROP|REJECT)( --reject-with \S+)?|\b(drop|reject( with \w+( type)? [\w-]+)?)\b/, '');
  return /^[\s}]*$/.test(rest);
}

/** What a rule matches and does, without what it counts and says. */
function withoutRemarks(text: string): string {
  return text
    .replace(/^\[\d+:\d+\] /, '')
    .replace(/-m comment\b|(--)?\bcomment ("[^"]*"|\S+)|# handle \d+/g, '')
    .replace(/\bcounter( packets \d+ bytes \d+)?|\blog( prefix "[^"]*")?( level \w+)?/g, '')
    .replace(/--log-prefix ("[^"]*"|\S+)/g, '');
}

/** TCP or UDP, maybe among others, as both programs print it, with the modules of iptables that go with it; and the same with ports. */
const PROTOCOL =
  /\b(meta l4proto|ip protocol|ip6 nexthdr) (\{[^}]*\b(tcp|udp)\b[^}]*\}|(tcp|udp)\b)|-p (tcp|udp)\b|-m (tcp|udp|multiport)\b/g;
const PORTS = new RegExp(
  `${PROTOCOL.source}|\\b(tcp|udp|th) dport (\\{[^}]*\\}|[\\w-]+)|--dports? [\\d:,]+`,
  'g',
);

/** Whether a rule may be about the protocol: it names that one, or none. */
function isFor(line: string, protocol: Protocol): boolean {
  const other = protocol === 'tcp' ? 'udp' : 'tcp';
  return !new RegExp(`\\b${other}\\b`).test(line) || new RegExp(`\\b${protocol}\\b`).test(line);
}

/** There is no port in the policy of a chain, whose counters may look like a range. */
function namesPort(text: string, port: number): boolean {
  if (POLICY.test(text)) return false;
  const line = withoutRemarks(text);
  if (new RegExp(`(?<![\\d.:])${port}(?![\\d.:])`).test(line)) return true;
  const ranges = [...line.matchAll(/(?<![\d.])(\d{1,5})[-:](\d{1,5})(?![\d.])/g)];
  return ranges.some(([, from, to]) => Number(from) <= port && port <= Number(to));
}
