import { pageFiles } from '../../shared/runtime/page/page-files.ts';

/** All files of the client's page, by path. */
export const PAGE_FILES = pageFiles(new URL('./browser/', import.meta.url), [
  ...['navigation', 'overview', 'history'].map((name) => `styles/${name}.css`),
  ...['main', 'app', 'views'].map((name) => `${name}.js`),
  ...['client', 'words', 'changes', 'day-bars'].map((name) => `base/${name}.js`),
  ...['overview', 'uplink-card', 'fault-list'].map((name) => `views/${name}.js`),
  ...['history', 'month', 'month-chart'].map((name) => `views/${name}.js`),
]);
