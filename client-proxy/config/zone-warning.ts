import { isTimeZone } from '../metering/billing-calendar.ts';
import type { TimeSpan } from '../schedule/time-span.ts';
import type { ClientConfig } from './client-config.ts';

type TimedConfig = Pick<ClientConfig, 'uplinks' | 'autoUplinks' | 'steering'>;

/**
 * What to warn of where times go by the system's time zone, and the environment names it in a way that Node.js does not know: by the rules of
 * POSIX, or as a file. Node.js then takes UTC, or leaves out summer time, and says nothing.
 * @param variable TZ of the environment
 */
export function zoneWarning(config: TimedConfig, variable: string | undefined): string | undefined {
  const name = (variable ?? '').replace(/^:/, '');
  if (name === '' || isTimeZone(name) || !goesBySystemZone(config)) return undefined;
  return (
    `TZ=${variable} is no name of a time zone: times for which none is said are those of UTC, or without summer time. ` +
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
