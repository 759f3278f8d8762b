import { pageFiles } from '../../shared/runtime/page/page-files.ts';

/** All files of the client's page, by path. */
export const PAGE_FILES = pageFiles(new URL('./browser/', import.meta.url), [
  ...['navigation', 'forms', 'overview', 'connections'].map((name) => `styles/${name}.css`),
  ...['main', 'app', 'views'].map((name) => `${name}.js`),
  ...['client', 'acting', 'dialog', 'lasts', 'notices', 'words', 'changes'].map((name) => `base/${name}.js`),
  ...['overview', 'uplink-card', 'settings-dialogs', 'connections', 'connection-dialog'].map(
    (name) => `views/${name}.js`,
  ),
]);
