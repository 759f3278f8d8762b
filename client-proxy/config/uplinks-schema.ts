import { z } from 'zod';
import { textAs } from '../../shared/runtime/config/schema-pieces.ts';
import { type InterfaceMatch, matchText } from '../network/interface-match.ts';
import { isNamePattern, NAME_PATTERN_FORMAT } from '../network/name-pattern.ts';
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
            .superRefine((value, context) => {
              if (matchText(value as InterfaceMatch) === '') {
                const message = 'which interfaces is this for? Give match, mac, usbPath or iccid';
                context.addIssue({ code: 'custom', message });
              }
              const message = whyNoRole(value as unknown as UplinkSettings);
              if (message === undefined) return;
              context.addIssue({ code: 'custom', path: ['joinAboveUtilization'], message });
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

/** What is wrong with the role that an uplink is given. */
export function whyNoRole({
  backup,
  joinAboveUtilization,
}: {
  readonly backup?: boolean | undefined;
  readonly joinAboveUtilization?: number | undefined;
}): string | undefined {
  return backup && joinAboveUtilization !== undefined
    ? 'a backup carries data only when nothing else works, so to join it for load brings nothing: leave out ' +
        'joinAboveUtilization, or backup'
    : undefined;
}
