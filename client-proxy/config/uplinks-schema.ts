import * as z from 'zod';
import { textAs } from '../../shared/runtime/config/schema-pieces.ts';
import type { MeteredSettings } from '../metering/metered-settings.ts';
import type { InterfaceMatch } from '../network/interface-match.ts';
import { isNamePattern, NAME_PATTERN_FORMAT } from '../network/name-pattern.ts';
import type { CostPerGB } from '../schedule/cost.ts';
import type { AutoUplinks, ConfiguredUplink, ConfiguredUplinks, UplinkSettings } from './client-config.ts';
import { planMistakes, withPlanCosts } from './plan-costs.ts';

const pattern = textAs(NAME_PATTERN_FORMAT, (value) => (isNamePattern(value) ? value : undefined));
const mac = textAs('a hardware address, for example "00:11:22:aa:bb:cc"', (value) =>
  /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(value) ? value.toLowerCase() : undefined,
);
const usbPath = textAs('a USB port as the kernel names it, for example "1-1.2"', (value) =>
  /^\d{1,3}-\d{1,3}(\.\d{1,3}){0,6}$/.test(value) ? value : undefined,
);
// ITU-T E.118: 19 digits, or 18 to 20 as cards have them; some end in a letter F that fills them up.
const iccid = textAs('the number of a SIM card (ICCID), 18 to 20 digits in quotes', (value) =>
  /^\d{18,20}F?$/i.test(value) ? value.toUpperCase() : undefined,
);
const patterns = z.array(pattern).max(64).default([]);

const ALL: AutoUplinks = { all: true, include: [], exclude: [], settings: [] };

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
          z
            .strictObject({
              match: pattern.optional(),
              mac: mac.optional(),
              usbPath: usbPath.optional(),
              iccid: iccid.optional(),
              ...settings,
            })
            .transform((value, context) => {
              const { match, mac, usbPath, iccid, ...own } = value as InterfaceMatch & GivenSettings;
              const given = Object.entries({ match, mac, usbPath, iccid }).filter(
                ([, text]) => text !== undefined,
              );
              if (given.length === 0) {
                const message = 'which interfaces is this for? Give match, mac, usbPath or iccid';
                context.issues.push({ code: 'custom', path: [], message, input: value });
              }
              for (const { path, message } of settingsMistakes(own)) {
                context.issues.push({ code: 'custom', path, message, input: value });
              }
              return { ...(Object.fromEntries(given) as InterfaceMatch), ...settingsOf(own) };
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
    })
    .superRefine((uplinks, context) => {
      for (const issue of planMistakes(uplinks)) context.addIssue({ code: 'custom', ...issue });
    })
    .transform(withPlanCosts);
}

/** What may be said of an uplink, as it stands in the file. */
export interface GivenSettings {
  readonly enabled?: boolean | undefined;
  readonly backup?: Pick<ConfiguredUplink, 'backup' | 'backupWhen'> | undefined;
  readonly standby?: ConfiguredUplink['standby'] | undefined;
  readonly joinAboveUtilization?: number | undefined;
  readonly congestionControl?: string | undefined;
  readonly subflowsPerPath?: ConfiguredUplink['subflowsPerPath'];
  readonly nameServers?: readonly string[] | undefined;
  readonly metered?: MeteredSettings | undefined;
  readonly plan?: string | undefined;
  readonly costPerGB?: CostPerGB | undefined;
  readonly weight?: number | undefined;
}

/** The same without what was not said. */
export function settingsOf({ enabled, backup, costPerGB: costs, ...rest }: GivenSettings): UplinkSettings {
  const isOff = enabled === false ? true : undefined;
  const said = Object.entries({ isOff, costs, ...rest }).filter(([, value]) => value !== undefined);
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
