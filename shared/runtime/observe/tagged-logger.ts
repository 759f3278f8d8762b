import type { Logger } from 'pino';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/**
 * A logger whose lines have more fields, as these are when a line is written. Unlike a child of pino's it follows the level of its parent.
 * It is for lines with fields and a message.
 */
export function taggedLogger(parent: Logger, tags: () => object): Logger {
  const writes = LEVELS.map((level) => {
    const write = (fields: object, message: string) => parent[level]({ ...tags(), ...fields }, message);
    return [level, write] as const;
  });
  return Object.assign(Object.create(parent), Object.fromEntries(writes)) as Logger;
}
