import { expect, it } from 'vitest';
import {
  DEFAULT_OPTIMISTIC_REPLY,
  repliesOptimistically,
} from '../../../client-proxy/front/optimistic-reply.ts';

const to = (port: number) => ({ host: 'example.org', port });

it('promises success by port, always or never', () => {
  expect([80, 443, 22].map((port) => repliesOptimistically(DEFAULT_OPTIMISTIC_REPLY, to(port)))).toEqual([
    true,
    true,
    false,
  ]);
  expect(repliesOptimistically({ ports: [22] }, to(22))).toBe(true);
  expect(repliesOptimistically({ ports: [] }, to(80))).toBe(false);
  expect(repliesOptimistically('always', to(22))).toBe(true);
  expect(repliesOptimistically('never', to(80))).toBe(false);
});
