import { pageFiles } from '../../shared/runtime/page/page-files.ts';

/** All files of the concentrator's page, by path. */
export const PAGE_FILES = pageFiles(new URL('./browser/', import.meta.url), [
  'page.css',
  'main.js',
  'app.js',
  'client-table.js',
  'client-details.js',
  'client-samples.js',
  'words.js',
]);
