import { isDeepStrictEqual } from 'node:util';

/** One key of a configuration: where its value is, and whether a running program takes a new one over. */
export interface ReloadRule<Config> {
  readonly key: string;
  readonly value: (config: Config) => unknown;
  readonly applies: 'live' | 'restart';
}

/** The keys, as written in the file, whose values a reload changed. */
export interface Reload {
  /** Taken over by the running program. */
  readonly live: readonly string[];
  /** Wait for a restart. */
  readonly restart: readonly string[];
}

/** Compares two configurations by a table of their keys. */
export function compareConfigs<Config>(
  rules: readonly ReloadRule<Config>[],
  before: Config,
  after: Config,
): Reload {
  const changed = rules.filter(({ value }) => !isDeepStrictEqual(value(before), value(after)));
  const keys = (applies: ReloadRule<Config>['applies']) =>
    changed.filter((rule) => rule.applies === applies).map(({ key }) => key);
  return { live: keys('live'), restart: keys('restart') };
}
