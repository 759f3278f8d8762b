import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SimCards } from '../../../client-proxy/network/sim-cards.ts';
import { device, view } from './views.ts';

/** As ModemManager 1.22 prints it, in part. */
const ANSWERS: Readonly<Record<string, unknown>> = {
  '--list-modems': {
    'modem-list': ['/org/freedesktop/ModemManager1/Modem/0', '/org/freedesktop/ModemManager1/Modem/1'],
  },
  '/org/freedesktop/ModemManager1/Modem/0': {
    modem: {
      generic: {
        ports: ['cdc-wdm0 (qmi)', 'ttyUSB0 (at)', 'wwan0 (net)'],
        sim: '/org/freedesktop/ModemManager1/SIM/0',
      },
    },
  },
  // Without a card.
  '/org/freedesktop/ModemManager1/Modem/1': { modem: { generic: { ports: ['wwan1 (net)'], sim: '--' } } },
  '/org/freedesktop/ModemManager1/SIM/0': { sim: { properties: { iccid: '89490200001111111111' } } },
};

function modemManager(answers: Readonly<Record<string, unknown>> | undefined) {
  const asked: string[] = [];
  const run = (args: readonly string[]) => {
    asked.push(args.at(-1)!);
    return Promise.resolve(answers && JSON.stringify(answers[args.at(-1)!] ?? {}));
  };
  return { asked, run };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it('tells the card behind each interface, and asks again only when an interface has changed', async () => {
  const { asked, run } = modemManager(ANSWERS);
  const cards = new SimCards({ isWanted: () => true, run });
  const first = await cards.addTo(view(device('wwan0'), device('wwan1'), device('eth0')));
  expect(first.interfaces.map(({ iccid }) => iccid)).toEqual(['89490200001111111111', undefined, undefined]);
  const before = asked.length;
  await cards.addTo(
    view(
      device('wwan0', { routes: [], routing: { sources: [], strays: [], ways: [] } }),
      device('wwan1'),
      device('eth0'),
    ),
  );
  expect(asked).toHaveLength(before);
  await cards.addTo(view(device('wwan0', { index: 7 }), device('wwan1'), device('eth0')));
  expect(asked).toHaveLength(2 * before);
});

it.each([
  { what: 'there is no mmcli', answers: undefined },
  { what: 'it prints something else', answers: {} },
])('tells nothing where $what', async ({ answers }) => {
  const { run } = modemManager(answers);
  const seen = view(device('wwan0'));
  expect(await new SimCards({ isWanted: () => true, run }).addTo(seen)).toEqual(seen);
});

it('knows a device by its card while ModemManager does not answer, and asks again after 5 s', async () => {
  const state: { answers: typeof ANSWERS | undefined } = { answers: ANSWERS };
  const run = (args: readonly string[]) => modemManager(state.answers).run(args);
  const onNews = vi.fn();
  const cards = new SimCards({ isWanted: () => true, run, onNews });
  const cardOf = async (over: Parameters<typeof device>[1]) =>
    (await cards.addTo(view(device('wwan0', over)))).interfaces[0]!.iccid;
  expect(await cardOf({ index: 7 })).toBe('89490200001111111111');
  state.answers = undefined;
  expect(await cardOf({ index: 7, hasCarrier: false })).toBe('89490200001111111111');
  // Another device may have another card.
  expect(await cardOf({ index: 8 })).toBeUndefined();
  state.answers = ANSWERS;
  onNews.mockClear();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(onNews).toHaveBeenCalled();
  await cardOf({ index: 8 });
  await vi.advanceTimersByTimeAsync(0);
  expect(await cardOf({ index: 8 })).toBe('89490200001111111111');
});

it('does not hold up the view for longer than a second where ModemManager hangs, and tells when it has answered', async () => {
  let answer = () => {};
  const hanging = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const run = (args: readonly string[]) => hanging.then(() => modemManager(ANSWERS).run(args));
  const onNews = vi.fn();
  const cards = new SimCards({ isWanted: () => true, run, onNews });
  const first = cards.addTo(view(device('wwan0')));
  await vi.advanceTimersByTimeAsync(1_000);
  expect((await first).interfaces[0]!.iccid).toBeUndefined();
  // What has been waited for once is not waited for again.
  await cards.addTo(view(device('wwan0')));
  answer();
  await vi.advanceTimersByTimeAsync(0);
  expect(onNews).toHaveBeenCalledTimes(1);
  expect((await cards.addTo(view(device('wwan0')))).interfaces[0]!.iccid).toBe('89490200001111111111');
});

it('asks nothing where no card is wanted', async () => {
  const { asked, run } = modemManager(ANSWERS);
  const seen = view(device('wwan0'));
  expect(await new SimCards({ isWanted: () => false, run }).addTo(seen)).toBe(seen);
  expect(asked).toEqual([]);
});
