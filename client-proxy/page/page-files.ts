import { pageFiles } from '../../shared/runtime/page/page-files.ts';

/** All files of the client's page, by path. */
export const PAGE_FILES = pageFiles(new URL('./browser/', import.meta.url), [
  ...['navigation', 'forms', 'overview', 'connections', 'history', 'speed'].map(
    (name) => `styles/${name}.css`,
  ),
  ...['main', 'app', 'views'].map((name) => `${name}.js`),
  ...['client', 'words', 'changes', 'concentrators', 'day-bars'].map((name) => `base/${name}.js`),
  ...['acting', 'dialog', 'lasts', 'notices', 'rule-hosts'].map((name) => `base/${name}.js`),
  ...['overview', 'uplink-card', 'concentrators', 'fault-list', 'held-changes', 'settings-dialogs'].map(
    (name) => `views/${name}.js`,
  ),
  ...['connections', 'connection-dialog'].map((name) => `views/${name}.js`),
  ...['history', 'month', 'month-chart'].map((name) => `views/${name}.js`),
  ...['speed', 'speed-form', 'speed-run', 'speed-result', 'speed-chart'].map((name) => `views/${name}.js`),
]);
