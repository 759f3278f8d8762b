import type { Logger } from 'pino';

/** Messages that are remembered; an older one may be logged again. */
const MAX_MESSAGES = 64;

/** Logs a warning the first time it is told, not for each connection that it concerns. */
export function warnOnce(logger: Pick<Logger, 'warn'>): (message: string) => void {
  const told = new Set<string>();
  return (message) => {
    if (told.has(message)) return;
    logger.warn(message);
    told.add(message);
    const [oldest] = told;
    if (told.size > MAX_MESSAGES && oldest !== undefined) told.delete(oldest);
  };
}
