import { pageFiles } from '../../shared/runtime/page/page-files.ts';

/** What the page of the first run shows. */
export interface FirstRunView {
  /** The uplinks that there are now, each with its addresses. */
  readonly found: readonly string[];
  /** Why none can be looked for. */
  readonly problem: string | null;
  /** The configuration that will be written. */
  readonly file: string;
  readonly version: string;
}

/** All files of that page, by path. */
export const FIRST_RUN_FILES = pageFiles(
  new URL('./browser/', import.meta.url),
  ['first-run/main.js', 'base/client.js', 'styles/first-run.css'],
  'first-run/index.html',
);
