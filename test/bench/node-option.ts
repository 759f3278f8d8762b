import { parseVersion } from './comparison/versions.ts';

/** One `--node` of the command line. */
export interface NodeOption {
  /** The contestant whose programs it runs, as `tributary` or `tributary@DIR`; absent: those of all checkouts. */
  readonly contestant?: string;
  /** The file of a Node.js. */
  readonly file: string;
}

const FORMAT = /^(?:(tributary(?:@[^:]*)?):)?(.+)$/;

/** Reads `FILE` or `CONTESTANT:FILE`. Throws an Error that says what is wrong. */
export function parseNode(text: string): NodeOption {
  const [, contestant, file] = FORMAT.exec(text) ?? [];
  if (file === undefined) throw new Error('--node takes FILE or CONTESTANT:FILE, where FILE is a Node.js');
  return { ...(contestant === undefined ? {} : { contestant }), file };
}

/** The Node.js for the programs of one checkout: one for it alone wins over one for all. Absent: the one that runs the bench. */
export function nodeOf(options: readonly NodeOption[], folder: string | undefined): string | undefined {
  const isFor = ({ contestant }: NodeOption) =>
    contestant !== undefined && parseVersion(contestant).folder === folder;
  const chosen = options.findLast(isFor) ?? options.findLast(({ contestant }) => contestant === undefined);
  return chosen?.file;
}
