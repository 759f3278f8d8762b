import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { PROJECT_FOLDER, ReleaseError } from './project.ts';
import { NODE_VERSION } from './targets.ts';

/** The programs with all that they import, and which packages that is. */
export interface BundledPrograms {
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** Folders of packages, from the project's folder. */
  readonly packageFolders: readonly string[];
}

/** What of a module in CommonJS asks for one of Node.js's own. */
const REQUIRE =
  "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);";

/**
 * Bundles both programs. What each command needs is in files of its own, which are loaded when it is called. Names of functions
 * stay as they are, for stacks in logs.
 */
export async function bundlePrograms(): Promise<BundledPrograms> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: PROJECT_FOLDER,
    // Where packages really are must not show in what is made.
    preserveSymlinks: true,
    entryPoints: {
      'tributary-client': 'client-proxy/main.ts',
      'tributary-concentrator': 'server-concentrator/main.ts',
    },
    ...{ bundle: true, splitting: true, format: 'esm', platform: 'node' },
    target: `node${NODE_VERSION.split('.')[0]}`,
    outdir: 'lib',
    chunkNames: 'part-[hash]',
    banner: { js: REQUIRE },
    plugins: [KEEP_PLACES],
    // They stand in one file with all licences.
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'warning',
    ...{ write: false, metafile: true },
  });
  const used = Object.values(metafile.outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => path)
    .filter((path) => path.includes('node_modules/'));
  return {
    files: outputFiles
      .map(({ path, contents }) => ({ name: path.slice(path.lastIndexOf('/') + 1), bytes: contents }))
      .sort((one, other) => (one.name < other.name ? -1 : 1)),
    packageFolders: [...new Set(used.map(packageFolder))].sort(),
  };
}

/**
 * Files that a module looks for beside itself, such as those of the page, are in a bundle at the same path as in the sources, below the
 * folder of the bundled files.
 */
const KEEP_PLACES: Plugin = {
  name: 'keep-places',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (!text.includes('import.meta.url')) return undefined;
      const place = JSON.stringify(`./${relative(PROJECT_FOLDER, path)}`);
      const contents = text.replaceAll('import.meta.url', `new URL(${place}, import.meta.url).href`);
      return { contents, loader: 'ts' };
    });
  },
};

/** The folder of the package that a file belongs to: the nearest one whose package.json has a name. */
function packageFolder(path: string): string {
  for (let folder = dirname(path); folder.includes('node_modules/'); folder = dirname(folder)) {
    if (!readdirSync(join(PROJECT_FOLDER, folder)).includes('package.json')) continue;
    const text = readFileSync(join(PROJECT_FOLDER, folder, 'package.json'), 'utf8');
    if ((JSON.parse(text) as { name?: string }).name !== undefined) return folder;
  }
  throw new ReleaseError(`${path} belongs to no package`);
}
