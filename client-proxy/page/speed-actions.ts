import * as z from 'zod';
import { ActionError, type PageAction, pageAction } from '../../shared/runtime/page/page-actions.ts';
import type { PageData } from '../../shared/runtime/page/web-page.ts';
import type { SpeedTests } from '../speedtest/speed-tests.ts';

/** What the page may ask for at once: more is a matter of the command line. */
const MAX_BYTES = 2_000_000_000;
const MAX_SECONDS = 20;

const start = z.strictObject({
  metered: z.boolean(),
  maxBytes: z.int().min(1).max(MAX_BYTES),
  seconds: z.number().min(1).max(MAX_SECONDS),
});

/** What the page is told of speed tests. */
export function speedData(tests: SpeedTests): readonly (readonly [string, PageData])[] {
  return [['speed', () => tests.state]];
}

/** What it can do about them. */
export function speedActions(tests: SpeedTests): readonly (readonly [string, PageAction])[] {
  return [
    [
      'speedtest-start',
      pageAction(start, ({ metered, maxBytes, seconds }) => {
        try {
          tests.start({ metered, maxBytes, measurementMs: seconds * 1_000 });
        } catch (error) {
          throw new ActionError((error as Error).message, { cause: error });
        }
        return {};
      }),
    ],
    [
      'speedtest-stop',
      pageAction(z.strictObject({}), () => {
        tests.stop();
        return {};
      }),
    ],
  ];
}
