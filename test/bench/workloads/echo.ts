import type { Workload } from './workload.ts';

const MESSAGE_BYTES = 200;
const EVERY_MS = 100;
const COUNT = 40;

/** As keystrokes over a terminal. */
export const echo: Workload = {
  name: 'echo',
  title: `${MESSAGE_BYTES}-byte echo every ${EVERY_MS} ms`,
  task: () => ({ kind: 'echo', bytes: MESSAGE_BYTES, everyMs: EVERY_MS, count: COUNT }),
  expectedMs: (scenario) => COUNT * EVERY_MS + Math.max(...scenario.uplinks.map(({ rttMs }) => rttMs)),
};
