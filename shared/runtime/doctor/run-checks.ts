import type { Finding, Report } from './finding.ts';

/** One row of a table of checks. */
export interface Check<Context> {
  /** Stable: programs read it. Lower case, with hyphens; its title is the same with spaces. */
  readonly name: string;
  /** Checks before it without which it makes no sense: it is skipped when one of them has failed. */
  readonly needs?: readonly string[];
  /** Whether it makes sense here at all; where not, no line is printed. It does where this is absent. */
  applies?(context: Context): boolean;
  run(context: Context): Promise<Finding> | Finding;
}

/** Runs checks one after the other; `onReport` hears of each as it ends. A check that throws has failed. */
export async function runChecks<Context>(
  checks: readonly Check<Context>[],
  context: Context,
  uplink: string | null,
  onReport: (report: Report) => void,
): Promise<void> {
  /** Checks that have failed, and those that were left out for that, with the first cause. */
  const causes = new Map<string, string>();
  for (const check of checks) {
    if (check.applies?.(context) === false) continue;
    const { name } = check;
    const cause = check.needs?.map((need) => causes.get(need)).find((one) => one !== undefined);
    const finding: Finding =
      cause === undefined
        ? await outcomeOf(check, context)
        : { outcome: 'skipped', words: `not tried, because of: ${titleOf(cause)}` };
    if (cause !== undefined) causes.set(name, cause);
    else if (finding.outcome === 'failed') causes.set(name, name);
    const { outcome, words, remedy = [], figures = {} } = finding;
    onReport({ uplink, check: name, outcome, words, remedy, figures });
  }
}

/** The name of a check for people. */
export function titleOf(check: string): string {
  return check.replaceAll('-', ' ');
}

async function outcomeOf<Context>(check: Check<Context>, context: Context): Promise<Finding> {
  try {
    return await check.run(context);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { outcome: 'failed', words: `the check itself failed: ${text}` };
  }
}
