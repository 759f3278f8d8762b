import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Browser, Screen } from './browser.ts';

export const DESKTOP: Screen = { width: 1180, height: 900, scheme: 'light' };
const PHONE = { width: 360, height: 740, isMobile: true } as const;
const SCREENS: readonly Screen[] = [
  DESKTOP,
  { ...DESKTOP, scheme: 'dark' },
  { ...PHONE, scheme: 'light' },
  { ...PHONE, scheme: 'dark' },
];

/** Fails where axe finds a violation, or something is wider than the screen: on a desktop and a phone, in light and dark. */
export async function expectForEverybody(browser: Browser): Promise<void> {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await browser.evaluate(`${axe}; 0`);
  for (const screen of SCREENS) {
    await browser.setScreen(screen);
    await sleep(1_200);
    const violations = await browser.evaluate<object[]>(
      `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => html + failureSummary) })))`,
    );
    expect(violations, JSON.stringify(screen)).toEqual([]);
    const isWide = await browser.evaluate<boolean>(
      'document.documentElement.scrollWidth > document.documentElement.clientWidth',
    );
    expect(isWide, `nothing is wider than the screen: ${JSON.stringify(screen)}`).toBe(false);
  }
  await browser.setScreen(DESKTOP);
}
