import { describe, expect, it } from 'vitest';
import { UPLINK_CHECKS } from '../../client-proxy/doctor/uplink-checks.ts';
import { CONCENTRATOR_CHECKS } from '../../server-concentrator/doctor/concentrator-checks.ts';
import { codes, projectFile, tableRows } from './markdown.ts';

const page = await projectFile('docs/doctor.md');

describe.each([
  ['## What is checked over each uplink', UPLINK_CHECKS],
  ['## What is checked at the concentrator', CONCENTRATOR_CHECKS],
] as const)('docs/doctor.md, %s', (heading, checks) => {
  it('has a row for each check, in its order, with what it looks at and what mends it', () => {
    const rows = tableRows(page, heading);
    expect(rows.flatMap(([name]) => codes(name!))).toEqual(checks.map(({ name }) => name));
    expect(rows.filter((cells) => cells.some((cell) => cell === ''))).toEqual([]);
  });
});
