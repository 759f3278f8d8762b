import { readFile } from 'node:fs/promises';

/** A file of the page, as browsers get it. */
export interface PageFile {
  readonly type: string;
  /** Throws when the installation is not whole. */
  read(): Promise<Uint8Array>;
}

const TYPES = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
} as const;

const OWN = {
  '/': 'index.html',
  '/page/page.css': 'page.css',
  '/page/icon.svg': 'icon.svg',
  '/page/main.js': 'main.js',
  '/page/app.js': 'app.js',
  '/page/uplink-card.js': 'uplink-card.js',
  '/page/changes.js': 'changes.js',
  '/page/chart.js': 'chart.js',
  '/page/samples.js': 'samples.js',
  '/page/words.js': 'words.js',
} as const;
/** Libraries as their packages have them, by the path at which browsers get them. */
export const PAGE_LIBRARIES = {
  '/page/lib/htm-preact.js': 'htm/preact/standalone',
  '/page/lib/uplot.js': 'uplot/dist/uPlot.iife.min.js',
  '/page/lib/uplot.css': 'uplot/dist/uPlot.min.css',
} as const;

/** All files of the page, by path. Libraries are served as their packages have them: the page works without the internet. */
export const PAGE_FILES: ReadonlyMap<string, PageFile> = new Map([
  ...Object.entries(OWN).map(([path, name]) =>
    entry(path, name, () => new URL(`./browser/${name}`, import.meta.url)),
  ),
  ...Object.entries(PAGE_LIBRARIES).map(([path, name]) =>
    entry(path, path, () => new URL(import.meta.resolve(name))),
  ),
]);

/** They do not change while the program runs, so each is read once. */
function entry(path: string, name: string, place: () => URL): readonly [string, PageFile] {
  const type = TYPES[name.split('.').at(-1) as keyof typeof TYPES];
  let content: Promise<Uint8Array> | undefined;
  const read = () => {
    content ??= readFile(place());
    return content;
  };
  return [path, { type, read }];
}
