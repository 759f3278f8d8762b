import { formatDestination } from '../../shared/protocol/destination.ts';
import { type LinkDeps, readLink } from '../../shared/runtime/command-line/read-link.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import { formatLink, type JoinLink, MAX_LINKS, parseLinks } from '../../shared/runtime/identity/link.ts';

/** The links that `--also` tells of: of a file, `-` for standard input, or a link itself. Throws UsageError or LinkError. */
export async function otherLinks(also: string | undefined, deps: LinkDeps): Promise<readonly JoinLink[]> {
  if (also === undefined) return [];
  const isLink = also === '-' || /^\s*tributary:/i.test(also);
  const place = isLink ? { argument: also } : { linkFile: also };
  const texts = { better: 'Better use --also - or --also FILE', piped: '--also -' };
  return parseLinks(await readLink({ ...place, ...texts }, deps));
}

/** One text for several concentrators, the one of the others first. Throws UsageError where a client could not tell them apart. */
export function linkText(others: readonly JoinLink[], own: JoinLink): string {
  const links = [...others, own];
  if (links.length > MAX_LINKS)
    throw new UsageError(
      `--also: a client can have ${MAX_LINKS} concentrators, and these are ${links.length}`,
    );
  for (const [index, link] of links.entries()) {
    for (const before of links.slice(0, index)) {
      const both = whatBothSay(before, link);
      if (both !== undefined)
        throw new UsageError(`--also: two links have ${both}: --as NAME gives each concentrator its name`);
    }
  }
  return links.map(formatLink).join(' ');
}

/** What makes a client take one for the other. */
function whatBothSay(one: JoinLink, other: JoinLink): string | undefined {
  const addresses = new Set(one.addresses.map(formatDestination));
  const address = other.addresses.map(formatDestination).find((text) => addresses.has(text));
  if (address !== undefined) return `the address ${address}`;
  if (one.name !== undefined && one.name === other.name) return `the name ${one.name}`;
  const isNamed = one.name !== undefined && other.name !== undefined;
  const hasPin = one.pins.some(({ text }) => other.pins.some((pin) => pin.text === text));
  return hasPin && !isNamed ? 'the same pin' : undefined;
}
