import { expect, it } from 'vitest';
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

it('tells the card behind each interface, and asks again only when an interface has changed', async () => {
  const { asked, run } = modemManager(ANSWERS);
  const cards = new SimCards(() => true, run);
  const first = await cards.addTo(view(device('wwan0'), device('wwan1'), device('eth0')));
  expect(first.interfaces.map(({ iccid }) => iccid)).toEqual(['89490200001111111111', undefined, undefined]);
  const before = asked.length;
  await cards.addTo(view(device('wwan0', { routes: [] }), device('wwan1'), device('eth0')));
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
  expect(await new SimCards(() => true, run).addTo(seen)).toEqual(seen);
});

it('asks nothing where no card is wanted', async () => {
  const { asked, run } = modemManager(ANSWERS);
  const seen = view(device('wwan0'));
  expect(await new SimCards(() => false, run).addTo(seen)).toBe(seen);
  expect(asked).toEqual([]);
});
