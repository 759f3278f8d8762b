/** What the doctor reads in the text of `nft list ruleset` and of `iptables-save`, and the line that opens a port there. */

export type Protocol = 'tcp' | 'udp';

/** A line of the text, and where it stands. */
interface Line {
  readonly text: string;
  /** As nft names it: `inet filter`; empty for iptables. */
  readonly table: string;
  readonly chain: string;
  /** The chain is where packets for this machine come in, and not one that other chains call. */
  readonly isInput: boolean;
}

/**
 * What opens a port of this machine that the rules close; undefined where they do not. What drops by default, or in the end, has to name
 * the port somewhere, be it in a set; and a rule may close the port alone. Rules with further conditions are taken to let clients in.
 */
export function closedPortRemedy(rules: string, port: number, protocol: Protocol): string | undefined {
  const lines = incomingLines(rules).filter(({ text }) => isFor(text, protocol));
  const deciding = lines.find(
    ({ text }) => namesPort(text, port) && (!closes(text) || isForAll(text.replace(PORTS, ''))),
  );
  const closing = deciding ?? lines.find((line) => dropsByDefault(line) || dropsTheRest(line));
  if (closing === undefined || !(closes(closing.text) || dropsByDefault(closing))) return undefined;
  if (rules.includes('ufw-')) return `ufw allow ${port}/${protocol}`;
  if (closing.table.includes('firewalld'))
    return `firewall-cmd --permanent --add-port=${port}/${protocol} && firewall-cmd --reload`;
  const { table, chain } = closing;
  return table === ''
    ? `iptables -I ${chain} -p ${protocol} --dport ${port} -j ACCEPT   # and where the rules are kept for the next start`
    : `nft insert rule ${table} ${chain} ${protocol} dport ${port} accept   # and in /etc/nftables.conf for the next start`;
}

/** The lines about packets that come to this machine, and those of chains and sets that any chain may use. */
function incomingLines(rules: string): Line[] {
  let [table, chain, isInput, isElsewhere] = ['', '', false, false];
  const lines: Line[] = [];
  for (const text of rules.split('\n')) {
    table = /^table (\S+ \S+)/.exec(text)?.[1] ?? table;
    const begun = /\b(?:chain|set|map) (\S+) \{/.exec(text)?.[1];
    const named = /^(?::|-A )(\S+)/.exec(text)?.[1];
    if (begun !== undefined || named !== undefined) {
      chain = begun ?? named!;
      isInput = named === 'INPUT';
      isElsewhere = named !== undefined && ELSEWHERE.has(named);
    }
    if (text.includes('hook input')) isInput = true;
    if (/hook (forward|output|postrouting)\b/.test(text)) isElsewhere = true;
    if (!isElsewhere) lines.push({ text: text.trim(), table, chain, isInput });
  }
  return lines;
}

/** Chains of iptables that packets for this machine do not pass. */
const ELSEWHERE: ReadonlySet<string> = new Set(['FORWARD', 'OUTPUT', 'POSTROUTING']);
const POLICY = /hook \w+.*policy \w+|^:\S+ \w+/;

function dropsByDefault({ text, isInput }: Line): boolean {
  return isInput && /policy drop|^:INPUT (DROP|REJECT)\b/.test(text);
}

/** The last rule of many a chain whose policy is to accept. */
function dropsTheRest({ text, isInput }: Line): boolean {
  return isInput && closes(text) && isForAll(text.replace(PROTOCOL, ''));
}

function closes(text: string): boolean {
  return !POLICY.test(text) && /\b(drop|reject)\b|-j (DROP|REJECT)\b/.test(text);
}

/** Whether a rule that closes has no condition: without its chain, comments, counters and verdict nothing is left. */
function isForAll(text: string): boolean {
  const rest = text
    .replace(/^-A \S+/, '')
    .replace(/-m comment\b|(--)?\bcomment ("[^"]*"|\S+)|# handle \d+/g, '')
    .replace(/\bcounter( packets \d+ bytes \d+)?|\blog( prefix "[^"]*")?( level \w+)?/g, '')
    .replace(/-j (DROP|REJECT)( --reject-with \S+)?|\b(drop|reject( with \w+( type)? [\w-]+)?)\b/, '');
  return /^[\s}]*$/.test(rest);
}

/** A protocol as both programs print it, with the modules of iptables that go with it; and the same with ports. */
const PROTOCOL = /\b(meta l4proto|ip protocol) (\{[^}]*\}|\w+)|-p (tcp|udp)\b|-m (tcp|udp|multiport)\b/g;
const PORTS = new RegExp(
  `${PROTOCOL.source}|\\b(tcp|udp|th) dport (\\{[^}]*\\}|[\\w-]+)|--dports? [\\d:,]+`,
  'g',
);

/** Whether a rule may be about the protocol: it names that one, or none. */
function isFor(line: string, protocol: Protocol): boolean {
  const other = protocol === 'tcp' ? 'udp' : 'tcp';
  return !new RegExp(`\\b${other}\\b`).test(line) || new RegExp(`\\b${protocol}\\b`).test(line);
}

function namesPort(line: string, port: number): boolean {
  if (new RegExp(`(?<![\\d.:])${port}(?![\\d.:])`).test(line)) return true;
  const ranges = [...line.matchAll(/(?<![\d.])(\d{1,5})[-:](\d{1,5})(?![\d.])/g)];
  return ranges.some(([, from, to]) => Number(from) <= port && port <= Number(to));
}
