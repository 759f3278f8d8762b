import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Browser, Screen } from './browser.ts';

export const DESKTOP: Screen = { width: 1180, height: 900, scheme: 'light' };
const PHONE = { width: 360, height: 740, scale: 2, isMobile: true } as const;
/** A desktop and a phone, in light and dark. */
export const SCREENS: Readonly<Record<string, Screen>> = {
  desktop: DESKTOP,
  'desktop-dark': { ...DESKTOP, scheme: 'dark' },
  phone: { ...PHONE, scheme: 'light' },
  'phone-dark': { ...PHONE, scheme: 'dark' },
};
/** A chart fits itself to its place. */
const SETTLED_MS = 1_200;

interface Looks {
  /** What is shown, for messages. */
  readonly what?: string;
  /** What is looked at, as JavaScript: the whole page unless told. */
  readonly within?: string;
  /** Called on each of the screens. */
  readonly onScreen?: (name: string) => Promise<void>;
}

/** Fails where axe finds a violation, or something is wider than the screen, on any of the `SCREENS`. Ends on a desktop in light. */
export async function expectForEverybody(
  browser: Browser,
  { what = 'the page', within = 'document', onScreen }: Looks = {},
): Promise<void> {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await browser.evaluate(`${axe}; 0`);
  for (const [name, screen] of Object.entries(SCREENS)) {
    await browser.setScreen(screen);
    await sleep(SETTLED_MS);
    const violations = await browser.evaluate<object[]>(
      `axe.run(${within}).then(({ violations }) => violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => html + failureSummary) })))`,
    );
    expect(violations, `${what}, ${name}`).toEqual([]);
    const isWide = await browser.evaluate<boolean>(
      'document.documentElement.scrollWidth > document.documentElement.clientWidth',
    );
    expect(isWide, `${what}: nothing is wider than the screen of a ${name}`).toBe(false);
    await onScreen?.(name);
  }
  await browser.setScreen(DESKTOP);
}
