import { z } from 'zod';
import { textAs } from '../../shared/runtime/config/schema-pieces.ts';
import type { MeteredSettings } from '../metering/metered-settings.ts';
import { isNamePattern, NAME_PATTERN_FORMAT } from '../network/name-pattern.ts';
import type { CostPerGB } from '../schedule/cost.ts';
import type { AutoUplinks, ConfiguredUplink, UplinkSettings } from './client-config.ts';

const pattern = textAs(NAME_PATTERN_FORMAT, (value) => (isNamePattern(value) ? value : undefined));
const patterns = z.array(pattern).max(64).default([]);

const ALL: AutoUplinks = { all: true, include: [], exclude: [], settings: [] };

export interface ConfiguredUplinks {
  readonly list: readonly ConfiguredUplink[];
  /** Absent: there are no others. */
  readonly auto?: AutoUplinks;
}

/** `uplinks` in each of its forms, as the list and what is to be discovered. */
export function uplinksSchema<Settings extends z.ZodRawShape>(
  list: z.ZodType<ConfiguredUplink[], unknown>,
  settings: Settings,
) {
  const discovered = z
    .strictObject({
      auto: z.boolean().default(true),
      include: patterns,
      exclude: patterns,
      settings: z
        .array(
          z.strictObject({ match: pattern, ...settings }).transform((value, context) => {
            const { match, ...own } = value as { readonly match: string } & GivenSettings;
            for (const { path, message } of settingsMistakes(own)) {
              context.issues.push({ code: 'custom', path, message, input: value });
            }
            return { match, ...settingsOf(own) };
          }),
        )
        .max(64)
        .default([]),
      list: list.optional(),
    })
    .superRefine(({ auto, include, list: listed }, context) => {
      if (auto || include.length > 0 || listed !== undefined) return;
      const message = 'no uplinks: set auto to true, include some interfaces, or give a list';
      context.addIssue({ code: 'custom', message });
    });
  return z
    .union([z.literal('auto'), list, discovered], {
      error: 'expected auto, a list of uplinks, or a map such as {auto: true, exclude: [eth1]}',
    })
    .transform((value): ConfiguredUplinks => {
      if (value === 'auto') return { list: [], auto: ALL };
      if (Array.isArray(value)) return { list: value };
      const { auto: all, list: listed = [], ...rest } = value;
      return { list: listed, auto: { all, ...rest } as AutoUplinks };
    });
}

/** What may be said of an uplink, as it stands in the file. */
export interface GivenSettings {
  readonly backup?: Pick<ConfiguredUplink, 'backup' | 'backupWhen'> | undefined;
  readonly standby?: ConfiguredUplink['standby'] | undefined;
  readonly joinAboveUtilization?: number | undefined;
  readonly congestionControl?: string | undefined;
  readonly subflowsPerPath?: ConfiguredUplink['subflowsPerPath'];
  readonly nameServers?: readonly string[] | undefined;
  readonly metered?: MeteredSettings | undefined;
  readonly costPerGB?: CostPerGB | undefined;
}

/** The same without what was not said. */
export function settingsOf({ backup, costPerGB: costs, ...rest }: GivenSettings): UplinkSettings {
  const said = Object.entries({ costs, ...rest }).filter(([, value]) => value !== undefined);
  return { ...backup, ...Object.fromEntries(said) };
}

/** What in these settings does not go together. */
export function settingsMistakes({
  backup,
  joinAboveUtilization,
  costPerGB,
}: GivenSettings): { readonly path: string[]; readonly message: string }[] {
  const mistakes: { readonly path: string[]; readonly message: string }[] = [];
  if (backup?.backup && joinAboveUtilization !== undefined) {
    const message =
      'a backup carries data only when nothing else works, so to join it for load brings nothing: leave out ' +
      'joinAboveUtilization, or backup';
    mistakes.push({ path: ['joinAboveUtilization'], message });
  }
  if (backup?.backupWhen?.aboveCost !== undefined && costPerGB === undefined) {
    mistakes.push({ path: ['backup', 'aboveCost'], message: 'needs the cost of this uplink: add costPerGB' });
  }
  return mistakes;
}
