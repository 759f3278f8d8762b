import type * as z from 'zod';
import { ConfigError, type ConfigProblem } from './config-error.ts';
import { didYouMean } from './did-you-mean.ts';
import { knownKeysAt } from './schema-keys.ts';
import { shownKey, shownValue } from './shown-value.ts';
import type { KeyPath, YamlSource } from './yaml-source.ts';

type Issue = z.core.$ZodIssue;

/**
 * Reads a file's text against a schema. Throws ConfigError with every mistake found, each at its line and column.
 *
 * A schema's own messages that start with "expected" are followed by what was found; others are taken as they are.
 */
export function parseConfig<Schema extends z.ZodType>(source: YamlSource, schema: Schema): z.output<Schema> {
  const result = schema.safeParse(source.value ?? {}, { error: expectation });
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) => problemsOf(issue, [], source, schema));
  throw new ConfigError(problems.sort((a, b) => a.line - b.line || a.column - b.column));
}

function problemsOf(issue: Issue, base: KeyPath, source: YamlSource, schema: z.ZodType): ConfigProblem[] {
  const path = [...base, ...(issue.path as (string | number)[])];
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeysAt(schema, path);
    return issue.keys.map((key) => source.problemAtKey(path, key, unknownKey(key, known)));
  }
  if (issue.code === 'invalid_union') {
    // The alternative whose own shape fits is the one that was meant: its mistakes are the ones to tell.
    const meant = issue.errors.find((errors) =>
      errors.every((inner) => inner.path.length > 0 || isKeyIssue(inner)),
    );
    if (meant) return meant.flatMap((inner) => problemsOf(inner, path, source, schema));
  }
  return [source.problem(path, withFound(issue.message, valueAt(source.value, path), path))];
}

function withFound(message: string, value: unknown, path: KeyPath): string {
  if (!message.startsWith('expected')) return message;
  return value === undefined ? `missing: ${message}` : `${message}, found ${shownValue(value, path)}`;
}

/** About something in the value, or about the length of a list, whose type is right then. */
function isKeyIssue(issue: Issue): boolean {
  if (issue.code === 'too_small' || issue.code === 'too_big') return issue.origin === 'array';
  return issue.code === 'unrecognized_keys' || issue.code === 'custom';
}

function unknownKey(key: string, known: readonly string[]): string {
  return `unknown key ${shownKey(key)}: ${didYouMean(key, known, 'known here are')}`;
}

function valueAt(value: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (at, part) =>
      typeof at === 'object' && at !== null ? (at as Record<string | number, unknown>)[part] : undefined,
    value,
  );
}

/** What the schema library's own issues expect, in the words of the file. */
function expectation(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `expected ${issue.values.map(String).join(' or ')}`;
    case 'too_small':
    case 'too_big':
      return `expected ${bound(issue)}`;
    default:
      return 'not understood here';
  }
}

function bound(issue: z.core.$ZodRawIssue<z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig>): string {
  const limit = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  if (issue.origin === 'array') return `${limit} ${limit.endsWith(' 1') ? 'entry' : 'entries'}`;
  return issue.origin === 'string' ? `${limit} characters` : limit;
}

const TYPE_NAMES: Record<string, string> = {
  object: 'a map of keys and values',
  array: 'a list',
  string: 'a text (a number or a true that is meant as text needs quotes)',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};
