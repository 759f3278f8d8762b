import { expect, test } from 'vitest';
import { reportText } from './report.ts';
import { Summary } from './summary.ts';
import { record } from './support/records.ts';

test('tables of medians and ratios, goals with their worst place, and what went wrong', () => {
  const text = reportText(
    new Summary([
      record({ overSum: 0.94, steadyOverSum: 0.96, copyShare: 0.012, cpuSecondsPerGb: 20 }),
      record({ overSum: 0.9, steadyOverSum: 0.95 }, { scenario: 'E4' }),
      record({ overSum: 0.75 }, { contestant: 'kernel-mptcp' }),
      record({ overSum: 0.47 }, { contestant: 'single:a', uplink: 'a' }),
      record({ longestGapMs: 180, afterFault: 0.95 }, { scenario: 'F1/E1/a' }),
      record({ failures: 1 }, { scenario: 'F5/E1/all', error: 'ended early' }),
    ]),
  );
  const columns = (line: string) => line.trim().split(/ {2,}/);
  const lines = text.split('\n');
  const rowOf = (start: string) => columns(lines.find((line) => line.startsWith(start)) ?? '');
  expect(lines).toContain('bulk download');
  expect(rowOf('E1 bbr')).toEqual(['E1 bbr', '0.94', '0.96', '0.75', '-', '0.47 (a)', '2.00', '1.25']);
  expect(rowOf('F1/E1/a bbr')).toEqual(['F1/E1/a bbr', '180', '0.95', '-', '0/1', '-', '-', '-', '-']);
  expect(rowOf('MISSED        bulk over the sum of rates, BBR')).toEqual([
    ...['MISSED', 'bulk over the sum of rates, BBR hosts: 0.93 or more', '1/2', '0.900', 'E4 bbr bulk-down'],
  ]);
  expect(rowOf('E1 bbr bulk-down ')).toEqual(['E1 bbr bulk-down', '1.20', '-', '-', '20', '-']);
  expect(text).toMatch(/^not measured +page over kernel/m);
  expect(text).toMatch(/Missed\n[\s\S]*E4 bbr bulk-down +0\.900 +0\.930/);
  expect(text).toContain('F5/E1/all bbr tributary bulk-down #1: ended early');
});

test('a table for each transfer through several faults, and both directions where both were filled', () => {
  const judged = (share: number) => [['black hole', share] as const, ['collapse', 0.9] as const];
  const text = reportText(
    new Summary([
      record({ afterFault: 0.9 }, { scenario: 'F7/E1/row', judged: judged(0.95) }),
      record({ afterFault: 0.9 }, { scenario: 'F7/E1/row', judged: judged(0.91), repetition: 2 }),
      record({ overSum: 0.92, upOverSum: 0.88 }, { workload: 'duplex' }),
      record({ overSum: 0.92 }, { scenario: 'E10' }),
      record({ overSum: 0.92 }, { scenario: 'E2' }),
      record({ p95Ms: 80 }, { scenario: 'G8/busy-cell/all', workload: 'beside-bulk' }),
    ]),
  );
  expect(text).toMatch(
    /F7\/E1\/row bbr bulk-down, tributary: rate\/left\nblack hole +0\.93\ncollapse +0\.90/,
  );
  expect(text).toMatch(/at once\n.*tributary over sum +upload.*\nE1 bbr +0\.92 +0\.88/);
  expect(text).toMatch(/E2 bbr .*\nE10 bbr /);
  expect(text).toMatch(/beside a bulk download through a fault\n.*p95 ms.*\nG8\/busy-cell\/all bbr +80/);
});
