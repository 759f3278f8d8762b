import { isTimeZone } from '../metering/billing-calendar.ts';
import type { TimeSpan } from '../schedule/time-span.ts';
import type { ClientConfig } from './client-config.ts';

type TimedConfig = Pick<ClientConfig, 'uplinks' | 'autoUplinks' | 'steering'>;

/**
 * What to warn of where times go by the system's time zone, and the environment names it in a way that Node.js does not know: by the rules of
 * POSIX, or as a file. Node.js then takes that of /etc/localtime, UTC, or one without summer time, and says nothing.
 * @param variable TZ of the environment
 * @param zone what Node.js has taken; undefined where that has no name
 */
export function zoneWarning(
  config: TimedConfig,
  variable: string | undefined,
  zone: string | undefined = new Intl.DateTimeFormat().resolvedOptions().timeZone,
): string | undefined {
  // The folders posix and right of the zone database hold the same names.
  const name = (variable ?? '').replace(/^:/, '').replace(/^(posix|right)\//, '');
  if (name === '' || isTimeZone(name) || !goesBySystemZone(config)) return undefined;
  return (
    `TZ=${variable} is no name of a time zone: times for which none is said go by ${zone ?? 'an offset without summer time'}. ` +
    'Name one behind them and in metered.timeZone, or in TZ, such as Europe/Berlin'
  );
}

function goesBySystemZone({ uplinks, autoUplinks, steering }: TimedConfig): boolean {
  const settings = [...uplinks, ...(autoUplinks?.settings ?? [])];
  const spans: readonly TimeSpan[] = [
    ...settings.flatMap(({ backupWhen, costs = [] }) => [backupWhen, ...costs]),
    ...steering.rules,
  ].flatMap((timed) => timed?.between ?? []);
  return (
    spans.some(({ timeZone }) => timeZone === undefined) ||
    settings.some(({ metered }) => metered !== undefined && metered.timeZone === undefined)
  );
}
