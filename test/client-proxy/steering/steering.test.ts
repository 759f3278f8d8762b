import { describe, expect, it } from 'vitest';
import type { ConnectRequest } from '../../../client-proxy/front/connect-request.ts';
import { parseTimeSpan } from '../../../client-proxy/schedule/time-span.ts';
import type { DirectReason } from '../../../client-proxy/steering/datagram-decision.ts';
import { RuleSet } from '../../../client-proxy/steering/rule-set.ts';
import type { SteeredStream, StreamSteerer } from '../../../client-proxy/steering/steered-streams.ts';
import { type OnDirectFailed, Steering } from '../../../client-proxy/steering/steering.ts';
import type { SteeringConfig, SteeringRule } from '../../../client-proxy/steering/steering-rule.ts';
import { UplinkError } from '../../../client-proxy/uplink/uplink-error.ts';
import type { ErrorName, TributaryError } from '../../../shared/protocol/errors.ts';
import type { StreamPolicy } from '../../../shared/protocol/steering/steering-policy.ts';

const AGGREGATE: StreamPolicy = { mode: 'aggregate' };
const REDUNDANT: StreamPolicy = { mode: 'redundant', only: ['dsl', 'lte'] };
const BLOCK = { kind: 'block' } as const;
const DIRECT = { kind: 'direct', uplink: 'dsl' } as const;
const QUICK: StreamPolicy = { mode: 'lowest-latency' };
const config = (...rules: SteeringRule[]): SteeringConfig => ({
  default: AGGREGATE,
  datagrams: QUICK,
  rules,
});
const steer = (policy: StreamPolicy) => ({ kind: 'steer', policy }) as const;

type PresentUplinks = { name: string; costPerGB?: number }[];

function bench(initial: SteeringConfig, uplinks: PresentUplinks = [{ name: 'dsl' }, { name: 'lte' }]) {
  const time = { ms: 0 };
  const streams: SteeredStream[] = [];
  const directs: { uplink: string; onFailed: (error: TributaryError) => void }[] = [];
  const decisions: string[] = [];
  const fallback = { isOn: false };
  const balanced: { policy: StreamPolicy; reason: DirectReason; onFailed: OnDirectFailed }[] = [];
  const log: { level: string; fields: unknown }[] = [];
  const failures: ErrorName[] = [];
  const resteered: number[] = [];
  const steering = new Steering({
    rules: new RuleSet(initial),
    uplinks: () => uplinks,
    wallClock: () => time.ms,
    logger: {
      debug: (fields: unknown) => void log.push({ level: 'debug', fields }),
      info: (fields: unknown) => void log.push({ level: 'info', fields }),
      warn: (fields: unknown) => void log.push({ level: 'warn', fields }),
    } as never,
    openStream: (_request, steered) => void streams.push(steered),
    openDirect: (_request, action, _choice, onFailed) => void directs.push({ ...action, onFailed }),
    onRulesChanged: () => {},
    onResteered: () => void resteered.push(time.ms),
    whyDirect: () => (fallback.isOn ? 'fallback' : undefined),
    openBalanced: (_request, policy, { reason }, onFailed) =>
      void balanced.push({ policy, reason, onFailed }),
    onDecision: (kind) => void decisions.push(kind),
  });
  const ask = (host: string, user?: string) =>
    steering.serve({
      destination: { host, port: 443 },
      ...(user === undefined ? {} : { user }),
      fail: (error: ErrorName) => void failures.push(error),
    } as unknown as ConnectRequest);
  const warnings = () => log.filter(({ level }) => level === 'warn').map(({ fields }) => fields);
  return { fallback, balanced, steering, streams, directs, decisions, warnings, failures, ask, time, log };
}

/** Keeps how its streams were steered. */
class Steerer implements StreamSteerer {
  readonly steered: [number, StreamPolicy][] = [];
  carriedOf = () => [{ uplinkName: 'dsl', sentBytes: 1, receivedBytes: 2 }];
  input: StreamSteerer['input'] = (work) =>
    work({ streams: { steer: (streamId, policy) => void this.steered.push([streamId, policy]) } });
}

describe('a request', () => {
  it('is opened as a stream, dialled directly, or refused, as the rules say', () => {
    const { ask, streams, directs, failures, decisions } = bench(
      config(
        { hosts: ['ads.test'], action: BLOCK },
        { hosts: ['bank.test'], action: DIRECT },
        { users: ['alice'], action: steer(REDUNDANT) },
      ),
    );
    ask('ads.test', 'alice');
    ask('bank.test', 'alice');
    ask('www.test', 'alice');
    ask('www.test', 'bob');
    expect(failures).toEqual(['notAuthorized']);
    expect(directs.map(({ uplink }) => uplink)).toEqual(['dsl']);
    expect(streams.map(({ policy }) => policy)).toEqual([REDUNDANT, AGGREGATE]);
    expect(decisions).toEqual(['block', 'direct', 'steer', 'steer']);
  });
});

it('goes directly while the fallback is on, by its policy; rules that block or name an uplink hold', () => {
  const it = bench(
    config(
      { hosts: ['ads.test'], action: BLOCK },
      { hosts: ['bank.test'], action: DIRECT },
      { hosts: ['both.test'], action: steer(REDUNDANT) },
    ),
  );
  it.fallback.isOn = true;
  for (const host of ['ads.test', 'bank.test', 'both.test', 'www.test']) it.ask(host);
  expect(it.failures).toEqual(['notAuthorized']);
  expect(it.directs.map(({ uplink }) => uplink)).toEqual(['dsl']);
  expect(it.balanced.map(({ policy, reason }) => [policy, reason])).toEqual([
    [REDUNDANT, 'fallback'],
    [AGGREGATE, 'fallback'],
  ]);
  expect(it.streams).toEqual([]);
  it.fallback.isOn = false;
  it.ask('www.test');
  expect([it.balanced.length, it.streams.length]).toEqual([2, 1]);
});

describe('a rule that names a concentrator', () => {
  const [PARIS, PARIS_ALONE] = [false, true].map((isOnly) => ({ name: 'paris', isOnly }));
  const rules = config(
    { hosts: ['fr.test'], action: { ...steer(QUICK), concentrator: PARIS! } },
    { hosts: ['tv.test'], action: { ...steer(QUICK), concentrator: PARIS_ALONE! } },
  );
  const decide = ({ steering }: ReturnType<typeof bench>, host: string) =>
    steering.decideDatagram({ destination: { host, port: 443 } });

  it('says so of connections and of datagrams', () => {
    const it = bench(rules);
    for (const [host, concentrator] of [
      ['fr.test', PARIS],
      ['tv.test', PARIS_ALONE],
      ['www.test', undefined],
    ] as const) {
      it.ask(host);
      expect(it.streams.at(-1)?.concentrator).toEqual(concentrator);
      expect(decide(it, host)).toEqual({
        ...steer(QUICK),
        ...(concentrator === undefined ? {} : { concentrator }),
      });
    }
  });

  it('keeps both from going directly where no other may stand in', () => {
    const it = bench(rules);
    it.fallback.isOn = true;
    it.ask('fr.test');
    it.ask('tv.test');
    expect([it.balanced.length, it.streams.length]).toEqual([1, 1]);
    expect([decide(it, 'fr.test').kind, decide(it, 'tv.test').kind]).toEqual(['direct', 'steer']);
  });
});

describe('other rules', () => {
  const byHost = (host: string, action: SteeringRule['action']) => ({ hosts: [host], action });

  it('hold for new requests at once', () => {
    const { steering, ask, failures } = bench(config());
    steering.reload(new RuleSet(config(byHost('a.test', BLOCK))));
    ask('a.test');
    expect(failures).toEqual(['notAuthorized']);
  });

  it('steer open streams anew where their policy has changed, and no others', () => {
    const { steering, ask, streams } = bench(config(byHost('b.test', steer(REDUNDANT))));
    const steerer = new Steerer();
    for (const [index, host] of ['a.test', 'b.test', 'c.test'].entries()) {
      ask(host);
      streams[index]?.opened(steerer, index);
    }
    expect(
      steering.reload(
        new RuleSet(config(byHost('a.test', steer(REDUNDANT)), byHost('c.test', steer(AGGREGATE)))),
      ),
    ).toBe(2);
    expect(steerer.steered).toEqual([
      [0, REDUNDANT],
      [1, AGGREGATE],
    ]);
  });

  it('leave alone what they would block or dial directly', () => {
    const { steering, ask, streams, failures } = bench(config());
    const steerer = new Steerer();
    for (const [index, host] of ['a.test', 'b.test'].entries()) {
      ask(host);
      streams[index]?.opened(steerer, index);
    }
    expect(steering.reload(new RuleSet(config(byHost('a.test', BLOCK), byHost('b.test', DIRECT))))).toBe(0);
    expect([steerer.steered, failures]).toEqual([[], []]);
  });

  it('hold for a stream that still waits for its session', () => {
    const { steering, ask, streams } = bench(config());
    ask('a.test');
    steering.reload(new RuleSet(config(byHost('a.test', steer(REDUNDANT)))));
    expect(streams[0]?.policy).toEqual(REDUNDANT);
  });

  it('forget streams that are over', () => {
    const { steering, ask, streams } = bench(config());
    const steerer = new Steerer();
    ask('a.test');
    streams[0]?.opened(steerer, 0);
    streams[0]?.over();
    expect(steering.reload(new RuleSet({ default: REDUNDANT, datagrams: QUICK, rules: [] }))).toBe(0);
    expect(steerer.steered).toEqual([]);
  });
});

describe('at another time', () => {
  const HOUR_MS = 3_600_000;
  const evening = [parseTimeSpan('18:00-23:00 UTC')!];
  const opened = (bed: ReturnType<typeof bench>, ...hosts: string[]) => {
    const steerer = new Steerer();
    for (const [index, host] of hosts.entries()) {
      bed.ask(host);
      bed.streams[index]?.opened(steerer, index);
    }
    return steerer;
  };

  it('rules hold for their times alone, and open streams follow', () => {
    const bed = bench(config({ hosts: ['a.test'], between: evening, action: steer(REDUNDANT) }));
    const steerer = opened(bed, 'a.test', 'b.test');
    expect(bed.streams.map(({ policy }) => policy)).toEqual([AGGREGATE, AGGREGATE]);
    bed.time.ms = 18 * HOUR_MS;
    bed.steering.review();
    expect(steerer.steered).toEqual([[0, REDUNDANT]]);
    bed.ask('a.test');
    expect(bed.streams[2]?.policy).toEqual(REDUNDANT);
    expect(bed.steering.described.holding).toBe(1);
    bed.time.ms = 23 * HOUR_MS;
    bed.steering.review();
    expect(steerer.steered).toEqual([
      [0, REDUNDANT],
      [0, AGGREGATE],
    ]);
    expect(bed.log.filter(({ level }) => level === 'info')).toHaveLength(2);
  });

  it('does nothing while nothing changes', () => {
    const bed = bench(config({ between: evening, action: steer(REDUNDANT) }));
    const steerer = opened(bed, 'a.test');
    for (let minute = 1; minute < 18 * 60; minute++) {
      bed.time.ms = minute * 60_000;
      bed.steering.review();
    }
    expect([steerer.steered, bed.log]).toEqual([[], []]);
  });

  it('goes by what the uplinks cost, the cheapest first, and follows when that changes', () => {
    const byCost = { mode: 'priority', orderBy: 'cost' } as const;
    const uplinks = [
      { name: 'sat', costPerGB: 8 },
      { name: 'lte', costPerGB: 2 },
      { name: 'dsl' },
      { name: 'wifi', costPerGB: 2 },
    ];
    const bed = bench(
      { default: { ...byCost, down: { ...byCost, only: ['sat', 'lte'] } }, datagrams: QUICK, rules: [] },
      uplinks,
    );
    const steerer = opened(bed, 'a.test');
    const order = ['dsl', 'lte', 'wifi', 'sat'];
    const expected = { mode: 'priority', order, down: { mode: 'priority', order, only: ['sat', 'lte'] } };
    expect(bed.streams[0]?.policy).toEqual(expected);
    expect(bed.steering.described.default).toMatch(/^up: priority, dsl before lte .* \(by cost\)$/);
    uplinks[0]!.costPerGB = 0;
    bed.steering.review();
    expect(steerer.steered.map(([, policy]) => policy.order)).toEqual([['sat', 'dsl', 'lte', 'wifi']]);
    bed.steering.review();
    expect(steerer.steered).toHaveLength(1);
  });
});

describe('the log', () => {
  it('names uplinks of rules that are not there, once the uplinks are known and after a reload', () => {
    const { steering, warnings } = bench(config({ action: { kind: 'direct', uplink: 'wifi' } }));
    steering.review();
    expect(warnings()).toEqual([{ missing: ['wifi'], present: ['dsl', 'lte'] }]);
    const policy: StreamPolicy = { mode: 'weighted', weights: { dsl: 1, satellite: 1 }, only: ['train'] };
    steering.reload(new RuleSet({ default: policy, datagrams: QUICK, rules: [{ action: DIRECT }] }));
    expect(warnings()[1]).toEqual({ missing: ['train', 'satellite'], present: ['dsl', 'lte'] });
  });

  it('names an uplink of a rule once each time that it goes missing', () => {
    const present = [{ name: 'dsl' }];
    const { steering, warnings } = bench(config({ action: DIRECT }), present);
    for (const uplinks of [['dsl'], [], [], ['lte'], ['dsl'], []]) {
      present.splice(0, 1, ...uplinks.map((name) => ({ name })));
      steering.review();
    }
    const missing = ['dsl'];
    expect(warnings()).toEqual([
      { missing, present: [] },
      { missing, present: [] },
    ]);
  });

  it('tells what keeps direct connections from working once, and not what origins do', () => {
    const { ask, directs, warnings } = bench(config({ action: DIRECT }));
    const fail = (error: TributaryError, host = 'a.test') => {
      ask(host);
      directs.at(-1)?.onFailed(error);
    };
    for (let i = 0; i < 3; i++) fail(new UplinkError('dsl', 'networkFailure', 'no name server'));
    fail(new UplinkError('dsl', 'connectionRefused', 'refused'));
    expect(warnings()).toEqual([{ uplink: 'dsl', reason: 'uplink dsl: no name server' }]);
    for (const host of ['b.test', 'c.test', 'd.test']) {
      fail(new UplinkError('dsl', 'networkFailure', `no connection to ${host}:443: the proxy says no`), host);
    }
    const reason = 'no connection to the destination: the proxy says no';
    expect(warnings().slice(1)).toEqual([{ uplink: 'dsl', reason: `uplink dsl: ${reason}` }]);
    for (const address of ['203.0.113.7:443', '[2001:db8::7]:443']) {
      fail(new UplinkError('dsl', 'networkFailure', `no connection to ${address}: the proxy says no`));
    }
    expect(warnings()).toHaveLength(2);
  });
});
