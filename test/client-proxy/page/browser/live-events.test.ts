import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LiveEvents } from '../../../../shared/page-browser/live-events.ts';

/** Sources that the page opened, the latest last. */
let opened: Source[];

class Source extends EventTarget {
  static readonly CLOSED = 2;
  readyState = 1;
  readonly url: string;

  constructor(url: string) {
    super();
    this.url = url;
    opened.push(this);
  }

  close(): void {
    this.readyState = Source.CLOSED;
  }

  say(name: string): void {
    this.dispatchEvent(new MessageEvent(name, { data: '{}' }));
  }
}

beforeEach(() => {
  opened = [];
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  vi.stubGlobal('EventSource', Source);
  vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible' }));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A page that names what it has in the address. */
function openPage() {
  const said: string[] = [];
  let known = 0;
  new LiveEvents({
    url: () => `/events?after=${known}`,
    hear: {
      view: () => {
        known += 1;
      },
    },
    pulse: 'view',
    onSilent: () => said.push('silent'),
  });
  return said;
}

it.each([
  ['ended', 0, 1_000],
  ['was refused', Source.CLOSED, 4_000],
])('asks for what is new after a connection that %s', (_, readyState, waitMs) => {
  const said = openPage();
  opened[0]!.say('view');
  opened[0]!.readyState = readyState;
  opened[0]!.dispatchEvent(new Event('error'));
  expect([said, opened[0]!.readyState]).toEqual([['silent'], Source.CLOSED]);
  vi.advanceTimersByTime(waitMs - 1);
  expect(opened).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(opened.map(({ url }) => url)).toEqual(['/events?after=0', '/events?after=1']);
});

it('leaves a connection that says nothing any more', () => {
  const said = openPage();
  opened[0]!.say('view');
  vi.advanceTimersByTime(5_000);
  expect([said, opened.length]).toEqual([['silent'], 1]);
  vi.advanceTimersByTime(10_000);
  expect(opened.map(({ readyState }) => readyState)).toEqual([Source.CLOSED, 1]);
});

it('gives the first answer a minute, and opens nothing while it is hidden', () => {
  openPage();
  vi.advanceTimersByTime(59_000);
  expect(opened).toHaveLength(1);
  Object.assign(document, { visibilityState: 'hidden' });
  document.dispatchEvent(new Event('visibilitychange'));
  vi.advanceTimersByTime(600_000);
  expect(opened.map(({ readyState }) => readyState)).toEqual([Source.CLOSED]);
  expect(vi.getTimerCount()).toBe(0);
});
