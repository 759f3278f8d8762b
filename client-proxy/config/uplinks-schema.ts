import { z } from 'zod';
import { textAs } from '../../shared/runtime/config/schema-pieces.ts';
import { isNamePattern, NAME_PATTERN_FORMAT } from '../network/name-pattern.ts';
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
          z.strictObject({ match: pattern, ...settings }).superRefine((value, context) => {
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
    });
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
