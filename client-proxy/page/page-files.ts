import { pageFiles } from '../../shared/runtime/page/page-files.ts';

/** All files of the client's page, by path. */
export const PAGE_FILES = pageFiles(new URL('./browser/', import.meta.url), [
  'page.css',
  'main.js',
  'app.js',
  'uplink-card.js',
  'changes.js',
  'fault-list.js',
  'words.js',
]);
