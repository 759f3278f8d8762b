/** A chain in the language of nft. */
export function chain(name: string, lines: readonly string[]): string {
  return `\tchain ${name} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
}

/**
 * A chain that the kernel itself calls.
 *
 * @param priority as a number: named ones are not known to each version for each hook
 */
export function hookedChain(
  name: string,
  { type, hook, priority }: { readonly type: string; readonly hook: string; readonly priority: number },
  rules: readonly string[],
): string {
  return chain(name, [`type ${type} hook ${hook} priority ${priority}; policy accept;`, ...rules]);
}

/** A set of networks in the language of nft. */
export function setOf(name: string, type: string, networks: readonly string[]): string {
  const lines = [`type ${type}; flags interval; auto-merge;`, `elements = { ${networks.join(', ')} }`];
  return `\tset ${name} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
}

/** Whether a packet has come in by one of these interfaces. */
export function cameBy(interfaces: readonly string[]): string {
  return `iifname { ${interfaces.map((name) => `"${name}"`).join(', ')} }`;
}
