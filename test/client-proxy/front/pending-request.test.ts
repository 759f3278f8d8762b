import { expect, it } from 'vitest';
import { PendingRequest } from '../../../client-proxy/front/pending-request.ts';

function bench() {
  const told: string[] = [];
  const pending = new PendingRequest({ host: 'www.test', port: 443 });
  return { told, pending, listen: (name: string) => pending.onAbandoned(() => void told.push(name)) };
}

it('is answered once, and leaving afterwards is no abandoning', () => {
  const { told, pending, listen } = bench();
  listen('one');
  expect(pending.takeAnswer()).toBe(true);
  expect(() => pending.takeAnswer()).toThrow('The request for www.test:443 was answered twice.');
  pending.abandon();
  expect(told).toEqual([]);
});

it('tells the last who asked, once, and takes no answer after that', () => {
  const { told, pending, listen } = bench();
  listen('one');
  listen('other');
  pending.abandon();
  pending.abandon();
  expect(told).toEqual(['other']);
  expect(pending.takeAnswer()).toBe(false);
});

it('tells at once who asks after the application has left', () => {
  const { told, pending, listen } = bench();
  pending.abandon();
  listen('late');
  expect(told).toEqual(['late']);
});
