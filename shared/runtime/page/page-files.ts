import { readFile } from 'node:fs/promises';

/** A file of a page, as browsers get it. */
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

/** What both programs' pages are made of, in `shared/page-browser`. */
const SHARED = [
  'base.css',
  'icon.svg',
  'chart.js',
  'carried-panel.js',
  'choice.js',
  'colours.js',
  'live-events.js',
  'plot.js',
  'samples.js',
  'words.js',
] as const;
/** Libraries, by the names that they have in the pages. */
export const PAGE_LIBRARIES = {
  'htm-preact.js': 'htm/preact/standalone',
  'uplot.js': 'uplot/dist/uPlot.iife.min.js',
  'uplot.css': 'uplot/dist/uPlot.min.css',
} as const;

/**
 * All files of a program's page, by path: `index` at `/`, its others below `/page/`, what it shares with the other program
 * below `/shared/page-browser/`. Modules import from there by the relative path of their sources: one that leads above the root
 * ends at the root, in browsers. Libraries are served as their packages have them: the page works without the internet.
 * @param folder has the files, with `/` at its end
 * @param names of the files besides the one at `/`
 */
export function pageFiles(
  folder: URL,
  names: readonly string[],
  index = 'index.html',
): ReadonlyMap<string, PageFile> {
  return new Map([
    entry('/', index, () => new URL(index, folder)),
    ...names.map((name) => entry(`/page/${name}`, name, () => new URL(name, folder))),
    ...SHARED.map((name) =>
      entry(
        `/shared/page-browser/${name}`,
        name,
        () => new URL(`../../page-browser/${name}`, import.meta.url),
      ),
    ),
    ...Object.entries(PAGE_LIBRARIES).map(([name, place]) =>
      entry(`/shared/page-browser/lib/${name}`, name, () => new URL(import.meta.resolve(place))),
    ),
  ]);
}

/** They do not change while the program runs, so each is read once. */
function entry(path: string, name: string, place: () => URL): readonly [string, PageFile] {
  const type = TYPES[name.split('.').at(-1) as keyof typeof TYPES];
  let content: Promise<Uint8Array> | undefined;
  const read = () => {
    content ??= readFile(place()).catch((error: unknown) => {
      // There may be a descriptor for it again next time.
      content = undefined;
      throw error;
    });
    return content;
  };
  return [path, { type, read }];
}
