import { grid } from '../lab/grid.ts';
import { type Check, isMet } from './check.ts';
import type { Outcome } from './run-use-case.ts';

/** What to say of a use case that was played. */
export function reportText({
  name,
  title,
  verdict,
  requirement,
  checks,
  error,
  complaints,
  machine,
}: Outcome): string {
  const lines = [`${name}: ${title}: ${verdict.toUpperCase()}`, `  required: ${requirement}`];
  if (checks.length > 0) lines.push(indented(grid(checks.map(row))));
  for (const complaint of complaints) lines.push(`  an application failed: ${complaint}`);
  if (error !== undefined) lines.push(`  went wrong: ${error}`);
  if (verdict === 'too slow' && machine)
    lines.push(
      `  the machine was busy: the emulator was late by ${machine.emulatorLateUs.toFixed(0)} us, a program waited ` +
        `${(100 * machine.cpuWaitShare).toFixed(0)} % of the time in which it could have run`,
    );
  return lines.join('\n');
}

function row(check: Check): string[] {
  const { what, value, unit, bound } = check;
  const against = bound ? `${bound.is} ${figure(bound.value)}` : '';
  return [isMet(check) ? (bound ? 'ok' : '') : 'MISSED', what, figure(value), unit, against];
}

function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}
