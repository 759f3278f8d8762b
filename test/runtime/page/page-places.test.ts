import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { PagePlaces } from '../../../shared/runtime/page/page-places.ts';

it.each([
  ['192.168.1.7', 4],
  ['::ffff:192.168.1.7', 4],
  ['fd00::7', 4],
  ['127.0.0.1', 9],
  ['::ffff:127.0.0.1', 9],
  ['::1', 9],
])('from %s at most %d of ten pages are open, and others have their places', (remoteAddress, most) => {
  const places = new PagePlaces();
  const open = (address: string) => {
    const page = Object.assign(new EventEmitter(), { destroyed: false });
    const isOpen = places.take({ socket: { remoteAddress: address } }, page as never);
    return isOpen ? page : undefined;
  };
  const pages = Array.from({ length: 9 }, () => open(remoteAddress)).filter((page) => page !== undefined);
  expect(pages).toHaveLength(most);
  expect(open('192.168.1.8')).toBeDefined();
  for (const page of pages) page.emit('close');
  expect(Array.from({ length: 9 }, () => open(remoteAddress)).filter(Boolean)).toHaveLength(most);
});
