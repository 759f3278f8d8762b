/** A chain of rules. */
export interface Chain {
  readonly table: Table;
  readonly name: string;
  /** Packets come to it by themselves: on their way to this machine, before it is known that they are for it, or to others. */
  hook: 'input' | 'before' | 'elsewhere' | undefined;
  /** What becomes of packets that no rule decides on. */
  policy: 'accept' | 'drop';
  readonly rules: string[];
}

/** What chains of one table have in common. */
export interface Table {
  /** As nft names it: `inet filter`; as iptables-save begins it: `*filter`. */
  readonly name: string;
  readonly chains: Map<string, Chain>;
  /** What the sets and maps of nft hold, by name: `22, 8000-8999`, `25 : drop`. */
  readonly elements: Map<string, string>;
}

/** What iptables means when no table is named. */
export const DEFAULT_TABLE = '*filter';

/** The chains in the text of `nft list ruleset`, of `iptables-save` or of `ip6tables-save`, in its order. */
export function chainsOf(text: string): Chain[] {
  const tables = new Map<string, Table>();
  let table = tableNamed(tables, DEFAULT_TABLE);
  let chain: Chain | undefined;
  for (const line of withShortSets(text)
    .split('\n')
    .map((one) => one.trim())) {
    const [, ofNft, ofIptables] = /^(?:table (\w+ \S+)|(\*\S+))/.exec(line) ?? [];
    const [, begun] = /\bchain (\S+) \{/.exec(line) ?? [];
    const [, hook] = /\bhook (\w+)/.exec(line) ?? [];
    const [, set, elements] = /^elements of (\S+): (.*)/.exec(line) ?? [];
    const [, declared, policy] = /^:(\S+) (\S+)/.exec(line) ?? [];
    const [, appendedTo, rule] = /^(?:\[\d+:\d+\] )?-A (\S+) ?(.*)/.exec(line) ?? [];
    const named = ofNft ?? ofIptables;
    if (named !== undefined) {
      table = tableNamed(tables, named);
      chain = undefined;
    }
    if (begun !== undefined) chain = chainNamed(table, begun);
    if (chain !== undefined && hook !== undefined) {
      chain.hook = HOOKS.get(hook) ?? 'before';
      chain.policy = /\bpolicy drop\b/.test(line) ? 'drop' : 'accept';
    } else if (set !== undefined) table.elements.set(set, elements!);
    else if (declared !== undefined) chainNamed(table, declared, policy);
    else if (appendedTo !== undefined) chainNamed(table, appendedTo).rules.push(rule!);
    else if (named === undefined && begun === undefined) chain?.rules.push(line);
  }
  return [...tables.values()].flatMap(({ chains }) => [...chains.values()]);
}

/** The sets and maps of nft, each in one line. */
function withShortSets(text: string): string {
  return text.replace(
    /\b(?:set|map) (\S+) \{[^{}]*(?:\{([^{}]*)\}[^{}]*)?\}/g,
    (_, name: string, elements = '') => `elements of ${name}: ${elements.replaceAll(/\s+/g, ' ').trim()}`,
  );
}

function tableNamed(tables: Map<string, Table>, name: string): Table {
  const table = tables.get(name) ?? { name, chains: new Map(), elements: new Map() };
  tables.set(name, table);
  return table;
}

/** @param policy as iptables prints it; a chain of a hook only has one */
function chainNamed(table: Table, name: string, policy?: string): Chain {
  const isOfIptables = table.name.startsWith('*');
  const chain = table.chains.get(name) ?? {
    ...{ table, name, rules: [], policy: policy === 'DROP' ? 'drop' : 'accept' },
    hook: isOfIptables ? HOOKS.get(name.toLowerCase()) : undefined,
  };
  table.chains.set(name, chain);
  return chain;
}

/** By the names that nft has for hooks, and iptables, in capitals, for its chains. */
const HOOKS: ReadonlyMap<string, Chain['hook']> = new Map([
  ['input', 'input'],
  ['prerouting', 'before'],
  ['forward', 'elsewhere'],
  ['output', 'elsewhere'],
  ['postrouting', 'elsewhere'],
] as const);
