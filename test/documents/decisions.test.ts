import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const TEXT = readFileSync('docs/decisions.md', 'utf8');

interface Decision {
  readonly number: number;
  readonly title: string;
  readonly status: string;
  readonly date: string;
}

const ROW = /^\| (\d+) \| \[(.+)\]\(#\S+\) \| [a-z]+ \| (.+) \| (\d{4}-\d\d-\d\d) \|$/gm;
const INDEX: readonly Decision[] = [...TEXT.matchAll(ROW)].map(([, number, title, status, date]) => ({
  number: Number(number),
  title: title!,
  status: status!,
  date: date!,
}));

/** The sections with what stands below their headings; the example at the top is fenced, and none of them. */
const SECTIONS = TEXT.replaceAll(/^```.*?^```$/gms, '')
  .split(/^## /m)
  .slice(1)
  .map((section) => {
    const [heading, , statusLine, ...rest] = section.split('\n');
    return { heading: heading!, statusLine: statusLine!, body: rest.join('\n').trim() };
  });

const STATUS = /^(Proposed|Accepted|(?:Amended|Replaced|Replaced in part) by (\d+))$/;

describe('docs/decisions.md', () => {
  it('has a row in its table for every section, in the same order, with the same status and date', () => {
    expect(INDEX.length).toBeGreaterThan(50);
    expect(SECTIONS.map(({ heading }) => heading)).toEqual(
      INDEX.map(({ number, title }) => `${number}. ${title}`),
    );
    expect(SECTIONS.map(({ statusLine }) => statusLine)).toEqual(
      INDEX.map(({ status, date }) => `${status}, ${date}.`),
    );
  });

  it('numbers decisions by the order in which they were made', () => {
    expect(INDEX.map(({ number }) => number)).toEqual(INDEX.map((_, i) => i + 1));
    const dates = INDEX.map(({ date }) => date);
    expect(dates).toEqual([...dates].sort());
  });

  it('gives every decision a status of the list, and a later one for what is replaced', () => {
    for (const { number, status } of INDEX) {
      const found = STATUS.exec(status);
      expect(found, `${number}: ${status}`).not.toBeNull();
      if (found?.[2] === undefined) continue;
      const later = SECTIONS[Number(found[2]) - 1];
      expect(Number(found[2])).toBeGreaterThan(number);
      expect(later?.body, `${found[2]} says what it changes`).toMatch(new RegExp(`decision ${number}\\b`));
    }
  });

  it('says something in every section', () => {
    expect(SECTIONS.filter(({ body }) => body.length < 100).map(({ heading }) => heading)).toEqual([]);
  });
});
