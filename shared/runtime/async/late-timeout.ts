/**
 * As `setTimeout`, but what waits in sockets is dealt with before: where this process was held up, timers run first, and what has
 * come in time would count as too late.
 *
 * @returns gives it up
 */
export function lateTimeout(work: () => void, ms: number): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    immediate = setImmediate(work);
  }, ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
