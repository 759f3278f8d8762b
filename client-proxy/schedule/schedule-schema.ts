import * as z from 'zod';
import type { BackupCondition } from './backup-condition.ts';
import { type CostPerGB, unreachedCosts } from './cost.ts';
import { parseTimeSpan, TIME_SPAN_FORMAT, type TimeSpan } from './time-span.ts';

/** Of one list. */
const MAX_SPANS = 32;

const timeSpan = z.string({ error: `expected ${TIME_SPAN_FORMAT}` }).transform((text, context): TimeSpan => {
  let message = `expected ${TIME_SPAN_FORMAT}`;
  const span = parseTimeSpan(text, (mistake) => {
    message = mistake;
  });
  if (span !== undefined) return span;
  context.issues.push({ code: 'custom', message, input: text });
  return z.NEVER;
});

/** `between`: one time of day or several. */
export const timeSpans = z
  .union([timeSpan, z.array(timeSpan).min(1).max(MAX_SPANS)], {
    error: `expected ${TIME_SPAN_FORMAT}, or a list of such`,
  })
  .transform((value): TimeSpan[] => (Array.isArray(value) ? value : [value]));

const COST_FORMAT = 'a number from 0 to 1000000: what a gigabyte costs, in any currency';
const amount = z
  .number({ error: `expected ${COST_FORMAT}` })
  .min(0, { error: `expected ${COST_FORMAT}` })
  .max(1e6, {
    error: `expected ${COST_FORMAT}`,
  });

/** `uplinks[].costPerGB`. */
export const costPerGB = z
  .union(
    [
      amount,
      z
        .array(z.strictObject({ between: timeSpans.optional(), cost: amount }))
        .min(1)
        .max(MAX_SPANS)
        .superRefine((entries, context) => {
          for (const { index, by } of unreachedCosts(entries)) {
            const message = `never counts, since entry [${by}] does whenever it would: move it up, or take it out`;
            context.addIssue({ code: 'custom', path: [index], message });
          }
        }),
    ],
    {
      error: `expected ${COST_FORMAT}; or a list such as [{between: "01:00-07:00", cost: 0}, {cost: 2}]`,
    },
  )
  .transform(
    (value): CostPerGB =>
      typeof value === 'number'
        ? [{ cost: value }]
        : value.map(({ between, cost }) => ({ ...(between === undefined ? {} : { between }), cost })),
  );

/** `uplinks[].backup`: always, never, or while conditions hold. */
export const backup = z
  .union([z.boolean(), z.strictObject({ between: timeSpans.optional(), aboveCost: amount.optional() })], {
    error: 'expected true or false, or when: a map such as {between: "18:00-23:00"} or {aboveCost: 1}',
  })
  .transform((value, context): { readonly backup: boolean; readonly backupWhen?: BackupCondition } => {
    if (typeof value === 'boolean') return { backup: value };
    const { between, aboveCost } = value;
    if (between === undefined && aboveCost === undefined) {
      const message = 'says nothing about when: add between, or aboveCost; or write true';
      context.issues.push({ code: 'custom', message, input: value });
    }
    const condition = {
      ...(between === undefined ? {} : { between }),
      ...(aboveCost === undefined ? {} : { aboveCost }),
    };
    return { backup: false, backupWhen: condition };
  });
