const NATURAL = new Intl.Collator('en', { numeric: true });

/** The order in which the uplinks of a session are told: that of their names, since that of their first subflows is chance. */
export function byUplinkName(one: string, other: string): number {
  return NATURAL.compare(one, other);
}
