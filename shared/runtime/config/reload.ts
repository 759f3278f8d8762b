import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { TributaryError } from '../../protocol/errors.ts';

/** One key of a configuration: where its value is, and whether a running program takes a new one over, and how. */
export type ReloadRule<Config> = {
  readonly key: string;
  readonly value: (config: Config) => unknown;
} & ({ readonly applies: 'live'; readonly take: Take<Config> } | { readonly applies: 'restart' });

/** `before` with the value that `after` has. */
export type Take<Config> = (before: Config, after: Config) => Config;

/** The keys, as written in the file, whose values a reload changed. */
export interface Reload {
  /** Taken over by the running program. */
  readonly live: readonly string[];
  /** Wait for a restart. */
  readonly restart: readonly string[];
}

/** A new configuration was taken over in part only, since a defect of this program showed. */
export class PartialReloadError extends TributaryError {
  constructor(cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super('internalError', `internal error: ${reason}`, 'ours', { cause });
  }
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

/** What holds after a reload without a restart: the new values of the keys that are taken over at once, and the old ones of all others. */
export function takeOver<Config>(
  rules: readonly ReloadRule<Config>[],
  before: Config,
  after: Config,
): Config {
  return rules.reduce((holds, rule) => (rule.applies === 'live' ? rule.take(holds, after) : holds), before);
}

/** Takes these members over; one that is not there any more goes. */
export function taking<Config extends object>(...names: readonly (keyof Config)[]): Take<Config> {
  const isTaken = ([name]: readonly [string, unknown]) => names.some((one) => one === name);
  return (before, after) => {
    const kept = Object.entries(before).filter((member) => !isTaken(member));
    const taken = Object.entries(after).filter(isTaken);
    return Object.fromEntries([...kept, ...taken]) as Config;
  };
}

/**
 * Makes the changes of a reload, and logs which keys they concern. All that can fail must be ready before, so that a
 * reload which fails changes nothing.
 *
 * @param changes makes them; returns what else is to be logged
 * @throws PartialReloadError when a change fails all the same
 */
export async function applyReload(
  { live, restart }: Reload,
  logger: Pick<Logger, 'info'>,
  changes: () => object | Promise<object>,
): Promise<void> {
  let details: object;
  try {
    details = await changes();
  } catch (error) {
    throw new PartialReloadError(error);
  }
  const message = restart.length > 0 ? 'reloaded; some keys need a restart' : 'reloaded';
  logger.info({ live, restart, ...details }, message);
}
