import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Program, parseSync } from 'oxc-parser';

/** The folders of production code. */
const PRODUCTION = ['shared', 'client-proxy', 'server-concentrator', 'deploy'] as const;
/** The core, which the strictest limits are for. */
export const CORE = 'shared/protocol/';

/** One file of production code, parsed. */
export interface Source {
  /** From the project's folder, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly program: Program;
  /** The files that it imports or exports from, types included; as `path`. */
  readonly imports: readonly string[];
}

/** Whether a file is production code; `path` is from the project's folder. */
export function isProduction(path: string): boolean {
  return PRODUCTION.some((top) => path.startsWith(`${top}/`));
}

/** All production code of the project in `folder`. Throws where a file cannot be parsed. */
export function readSources(folder: string): Source[] {
  return PRODUCTION.flatMap((top) =>
    readdirSync(join(folder, top), { recursive: true, encoding: 'utf8' }).map((name) => `${top}/${name}`),
  )
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => parseSource(path, readFileSync(join(folder, path), 'utf8')));
}

/** Parses one file. Throws where it is not TypeScript. */
export function parseSource(path: string, text: string): Source {
  const { program, module, errors } = parseSync(path, text);
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0]!.message}`);
  const requests = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.map(({ moduleRequest }) => moduleRequest?.value),
    ),
  ];
  const imports = requests
    .filter((request) => request?.startsWith('.'))
    .map((request) => join(dirname(path), request!));
  return { path, text, program, imports: [...new Set(imports)] };
}

/** The line of a character, from 1. */
export function lineOf(text: string, at: number): number {
  let line = 1;
  for (let i = text.indexOf('\n'); i >= 0 && i < at; i = text.indexOf('\n', i + 1)) line++;
  return line;
}

/** The project that this file belongs to, wherever it was compiled to. */
export function projectFolder(): string {
  let folder = import.meta.dirname;
  while (!readdirSync(folder).includes('package.json')) folder = dirname(folder);
  return folder;
}
