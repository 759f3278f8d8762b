/** Contestants that can also be those of another checkout of this project: `tributary@DIR`. */

/** The parts of a contestant's name. */
export interface VersionName {
  readonly kind: string;
  /** The folder of the checkout whose programs run; absent: the checkout that the bench belongs to. */
  readonly folder?: string;
}

/** Two contestants that differ in their checkout only. */
export type VersionPair = readonly [one: string, other: string];

const SEPARATOR = '@';

/** Takes a contestant's name apart. */
export function parseVersion(name: string): VersionName {
  const at = name.indexOf(SEPARATOR);
  return at < 0 ? { kind: name } : { kind: name.slice(0, at), folder: name.slice(at + 1) };
}

/** The name of a contestant. */
export function versionName({ kind, folder }: VersionName): string {
  return folder === undefined ? kind : `${kind}${SEPARATOR}${folder}`;
}

/** The checkouts of these contestants, in the order in which they are named first; undefined stands for the bench's own. */
export function foldersOf(names: readonly string[]): (string | undefined)[] {
  return [...new Set(names.map((name) => parseVersion(name).folder))];
}

/** Of each kind the contestant that is named first, with each other one. */
export function versionPairs(names: readonly string[]): VersionPair[] {
  const firsts = new Map<string, string>();
  const pairs: VersionPair[] = [];
  for (const name of new Set(names)) {
    const { kind } = parseVersion(name);
    const first = firsts.get(kind);
    if (first === undefined) firsts.set(kind, name);
    else pairs.push([first, name]);
  }
  return pairs;
}
