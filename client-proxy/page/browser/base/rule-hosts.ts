import type { ConnectionRow } from '../../../connections/connection-table.ts';

/**
 * What a rule from a connection may be about: its name, and all names below it; or its address. The names below the one above belong
 * to others as well where that is one like co.uk or github.io, and which are is not known here.
 */
export function ruleHostsOf({ host, name }: Pick<ConnectionRow, 'host' | 'name'>): readonly string[] {
  const known = (name ?? host).toLowerCase().replace(/\.$/, '');
  const labels = known.split('.');
  const isAddress = known.includes(':') || labels.every((label) => /^\d+$/.test(label));
  return isAddress || labels.length < 2 ? [known] : [known, `*.${known}`];
}
