import { TributaryError } from '../../protocol/errors.ts';

/** One mistake in a configuration file. Line and column count from 1. */
export interface ConfigProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The key's path, such as `uplinks[0].interface`; empty for the file as a whole. */
  readonly path: string;
  /** What is wrong and what was expected; never holds a secret's value. */
  readonly message: string;
}

/** A configuration cannot be used. Holds all mistakes found, in the order of the file; the message has one a line. */
export class ConfigError extends TributaryError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super('malformedMessage', problems.map(formatProblem).join('\n'), 'ours');
    this.problems = problems;
  }
}

/** A configuration is there, and this user may not read it: that of a service is for its user and for root. */
export class ConfigForbiddenError extends ConfigError {}

function formatProblem({ file, line, column, path, message }: ConfigProblem): string {
  return `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`;
}
