import { expect, it } from 'vitest';
import { RestingTable } from '../../shared/runtime/resting-table.ts';

/** A table of things that may be used and rest, with what was made for each name. */
function table() {
  const made: string[] = [];
  const all = new RestingTable(
    (name) => {
      made.push(name);
      return { isUsed: false };
    },
    ({ isUsed }) => !isUsed,
  );
  return { all, made };
}

it('has one value for each name', () => {
  const { all } = table();
  expect(all.of('one')).toBe(all.of('one'));
  expect(all.of('one')).not.toBe(all.of('other'));
});

it('forgets what is as good as new once there is much, and never what is in use', () => {
  const { all, made } = table();
  const used = all.of('used');
  used.isUsed = true;
  for (let i = 0; i < 10_000; i++) all.of(`passing ${i}`);
  made.length = 0;
  expect(all.of('used')).toBe(used);
  for (let i = 0; i < 10_000; i++) all.of(`passing ${i}`);
  // Sixty-four may be kept at a time.
  expect(made.length).toBeGreaterThan(9_900);
});

it('looks at all of them rarely, however many are in use', () => {
  let looks = 0;
  const all = new RestingTable(
    (name) => name,
    () => {
      looks++;
      return false;
    },
  );
  for (let i = 0; i < 10_000; i++) all.of(`used ${i}`);
  expect(looks).toBeLessThan(20_000);
});
