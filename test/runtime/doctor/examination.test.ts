import { expect, it } from 'vitest';
import { Examination } from '../../../shared/runtime/doctor/examination.ts';
import {
  type Finding,
  failed,
  milliseconds,
  ok,
  type Report,
  skipped,
  warning,
} from '../../../shared/runtime/doctor/finding.ts';
import { type Check, runChecks } from '../../../shared/runtime/doctor/run-checks.ts';

function bed(json = false) {
  const printed: string[] = [];
  const examination = new Examination({
    program: 'tributary-client',
    version: '1.2.3',
    json,
    stdout: (text) => void printed.push(text),
  });
  const run = (uplink: string | null, ...checks: Check<undefined>[]) =>
    runChecks(checks, undefined, uplink, examination.add);
  return { examination, printed, run };
}

function check(name: string, finding: Finding, ...needs: string[]): Check<undefined> {
  return { name, needs, run: () => finding };
}

const GOOD = check('tcp', ok('in 3 ms', { connect: milliseconds(3.123) }));

it('prints a line as each check ends, then the verdict', async () => {
  const { examination, printed, run } = bed();
  examination.begin('wifi (interface wlan0)');
  await run('wifi', GOOD, check('tls-and-pin', skipped('not now')));
  expect(printed).toEqual([
    'wifi (interface wlan0)\n',
    '  ok       tcp                 in 3 ms\n',
    '  skipped  tls and pin         not now\n',
  ]);
  examination.end();
  expect(printed.at(-1)).toBe('\nVerdict: all is well\n');
});

it('skips what makes no sense behind a check that has failed, and names the first cause', async () => {
  const { examination, printed, run } = bed();
  const [tcp, tls] = [check('tcp', failed('refused', ['start it'])), check('tls', ok(''), 'tcp')];
  await run('lte', tcp, tls, check('clock', ok(''), 'tls'), check('arp', ok('fine')));
  expect(printed.slice(1).map((line) => line.trim().replaceAll(/ {2,}/g, ' '))).toEqual([
    'skipped tls not tried, because of: tcp',
    'skipped clock not tried, because of: tcp',
    'ok arp fine',
  ]);
  await run('wifi', GOOD);
  expect(() => examination.end()).toThrow('trouble was found');
  expect(printed.at(-1)).toBe(`
Verdict: 1 of 2 uplinks works; what is wrong with lte:
  lte, tcp: refused

What mends it:
  start it
`);
});

it('counts no uplink that was left out', async () => {
  const { examination, printed, run } = bed();
  await run('lte', check('tcp', failed('refused')));
  await run('eth1', check('interface', skipped('no carrier')));
  expect(() => examination.end()).toThrow();
  expect(printed.at(-1)).toContain('Verdict: the uplink lte does not work\n');
});

it.each([
  // To the first concentrator, to the second.
  [{ wifi: 'yes no', lte: 'no yes' }, 'all uplinks work, but not everything is as it should be'],
  [{ wifi: 'yes no', lte: 'no no' }, '1 of 2 uplinks works; what is wrong with lte:'],
  [{ wifi: 'no no', lte: 'no no' }, 'no uplink works'],
])('calls an uplink broken that fails to all concentrators: %j', async (works, sum) => {
  const { examination, printed } = bed();
  for (const [uplink, answers] of Object.entries(works)) {
    for (const [i, answer] of answers.split(' ').entries()) {
      const add = (report: Report) => examination.add({ ...report, concentrator: `c${i}` });
      const tcp = check('tcp', answer === 'yes' ? ok('in 3 ms') : failed('refused'));
      await runChecks([check('interface', ok('up')), tcp], undefined, uplink, add);
    }
  }
  expect(() => examination.end()).toThrow();
  expect(printed.at(-1)).toContain(`Verdict: ${sum}\n`);
});

it('goes on behind a warning, says each remedy once, and keeps advice apart', async () => {
  const { examination, printed, run } = bed();
  const slow = check('clock', warning('wrong', ['set it']));
  for (const name of ['a', 'b']) await run(name, slow, check('tcp', ok('fine', {}, ['tune it']), 'clock'));
  expect(() => examination.end()).toThrow();
  expect(printed.at(-1)).toBe(`
Verdict: all uplinks work, but not everything is as it should be
  a, clock: wrong
  b, clock: wrong

What mends it:
  set it

What could be better:
  tune it
`);
});

it('tells the machines apart', async () => {
  const { examination, printed, run } = bed();
  for (const [place, name] of [
    ['this machine', 'kernel'],
    ['the concentrator', 'concentrator-kernel'],
  ] as const) {
    examination.begin(place);
    await run(null, check(name, warning('small buffers')));
  }
  expect(() => examination.end()).toThrow();
  expect(printed.at(-1)).toMatch(
    /this machine, kernel: small.*the concentrator, concentrator kernel: small/s,
  );
});

it('takes a check that throws for one that has failed', async () => {
  const { examination, printed, run } = bed();
  const broken: Check<undefined> = {
    name: 'route',
    run() {
      throw new Error('no such tool');
    },
  };
  await run(null, broken);
  expect(() => examination.end()).toThrow();
  expect(printed[0]).toContain('failed   route               the check itself failed: no such tool');
});

it('prints one JSON document with all of it', async () => {
  const { examination, printed, run } = bed(true);
  examination.begin('wifi');
  const hidden: Check<undefined> = { name: 'nat-timeout', applies: () => false, run: () => ok('') };
  await run('wifi', GOOD, hidden);
  examination.begin('this machine');
  await run(null, check('kernel', warning('odd', ['sysctl'])));
  expect(printed).toEqual([]);
  expect(() => examination.end()).toThrow();
  expect(JSON.parse(printed.join(''))).toEqual({
    schema: 1,
    program: 'tributary-client',
    version: '1.2.3',
    checks: [
      {
        uplink: 'wifi',
        check: 'tcp',
        outcome: 'ok',
        words: 'in 3 ms',
        remedy: [],
        figures: { connect: { value: 3.1, unit: 'ms' } },
      },
      { uplink: null, check: 'kernel', outcome: 'warning', words: 'odd', remedy: ['sysctl'], figures: {} },
    ],
    verdict: {
      outcome: 'warning',
      words: ['all uplinks work, but not everything is as it should be', 'this machine, kernel: odd'],
      remedy: ['sysctl'],
      advice: [],
    },
  });
});
