import type { Browser, Screen } from '../support/browser.ts';

/** Shows the page on a screen; on a phone's on one as long as the page, for what stands at its foot would lie across the picture. */
export async function showWhole(browser: Browser, screen: Screen): Promise<void> {
  await browser.setScreen(screen);
  if (!screen.isMobile) return;
  const height = await browser.evaluate<number>('document.documentElement.scrollHeight');
  await browser.setScreen({ ...screen, height });
}
