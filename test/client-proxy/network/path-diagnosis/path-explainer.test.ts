import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { PathError } from '../../../../client-proxy/network/path-diagnosis/path-error.ts';
import { PathExplainer } from '../../../../client-proxy/network/path-diagnosis/path-explainer.ts';
import { SubflowError } from '../../../../client-proxy/uplink/subflow-error.ts';
import type { Uplink } from '../../../../client-proxy/uplink/uplink.ts';
import { connectFailure, UplinkError } from '../../../../client-proxy/uplink/uplink-error.ts';
import { Cancellation } from '../../../../shared/runtime/async/cancellation.ts';
import { type Kernel, kernelOf, link, via } from './kernel.ts';

const LTE: Uplink = { name: 'lte', binding: { kind: 'interface', interface: 'wan1' }, backup: false };
const FOUR = { host: '10.78.0.1', port: 8443 };
const SIX = { host: '2001:db8::1', port: 8443 };
const ROUTED: Kernel = {
  links: [link('wan1', 3, '10.78.2.2')],
  routes: [[/10\.78\.0\.1/, via('10.78.2.1', 'wan1')]],
};

const timedOut = new UplinkError('lte', 'timedOut', 'no connection to it: no answer in time');
const failed = (code: string) => connectFailure('lte', 'it', Object.assign(new Error(code), { code }));

function bed(kernel: Kernel, openPorts: readonly number[] = []) {
  const clock = { nowMs: 0 };
  const source = kernelOf(kernel);
  const runIp = vi.fn(source.runIp);
  const asked: number[] = [];
  const explainer = new PathExplainer({
    bindsByInterface: true,
    clock: () => clock.nowMs,
    answers: async (_, { port }) => {
      asked.push(port);
      return openPorts.includes(port);
    },
    kernel: { ...source, runIp },
  });
  const explain = async (...failures: { address: typeof FOUR; error: Error }[]) => {
    const error = await explainer.explain(LTE, failures, failures[0]!.error, new Cancellation());
    return error instanceof PathError ? `${error.finding}: ${error.message}` : error.message;
  };
  return { explain, clock, runIp, asked };
}

describe('why an address cannot be reached', () => {
  it('is what the kernel says of the way there', async () => {
    const { explain } = bed({
      ...ROUTED,
      conf: { 'all.rp_filter': 1 },
      routes: [
        [/oif/, via('10.78.2.1', 'wan1')],
        [/./, via('10.78.1.1', 'wan0')],
      ],
    });
    expect(await explain({ address: FOUR, error: timedOut })).toMatch(
      /^rp-filter: uplink lte: strict reverse path filtering on wan1 .*; `sysctl -w net.ipv4.conf.wan1.rp_filter=2`$/,
    );
  });

  it('is the port, where another one answers, or a portal that answers at no other', async () => {
    const { explain, asked } = bed(ROUTED, [443]);
    expect(await explain({ address: FOUR, error: timedOut })).toMatch(
      /^port-blocked: uplink lte: 10.78.0.1:8443 does not answer, while port 443 there does: this network wants a login \(portal\), or a firewall blocks port 8443; log in/,
    );
    expect(asked).toEqual([443, 80]);
  });

  it('stays open where nothing answers, and is asked about seldom', async () => {
    const { explain, clock, asked, runIp } = bed(ROUTED);
    for (; clock.nowMs < 100_000; clock.nowMs += 8_000) {
      expect(await explain({ address: FOUR, error: timedOut })).toBe(timedOut.message);
    }
    expect(asked).toEqual([443, 80]);
    // Three commands each time, thrice in a minute.
    expect(runIp.mock.calls.length).toBeLessThanOrEqual(3 * 6);
  });

  it('is not that one family is not routed, where the other is', async () => {
    const { explain } = bed(ROUTED, [80]);
    const both = [
      { address: SIX, error: failed('ENETUNREACH') },
      { address: FOUR, error: timedOut },
    ];
    expect(await explain(...both)).toMatch(/^port-blocked: /);
    expect(await explain(both[0]!)).toMatch(/^no-source-address: /);
  });

  it.each([
    ['EHOSTUNREACH', 'prohibited'],
    ['EPERM', 'prohibited'],
    ['EACCES', 'prohibited'],
  ])('is what %s says', async (code, finding) => {
    const error = failed(code);
    expect(await bed(ROUTED).explain({ address: FOUR, error })).toBe(`${finding}: ${error.message}`);
  });

  it('is not sought where the error says it: refused', async () => {
    const { explain, runIp } = bed(ROUTED);
    const error = failed('ECONNREFUSED');
    expect(await explain({ address: SIX, error: timedOut }, { address: FOUR, error })).toBe(timedOut.message);
    expect(runIp).not.toHaveBeenCalled();
  });

  it('is a stranger in its place', async () => {
    const error = new SubflowError('notAuthorized', 'it showed a certificate other than the pinned one');
    const { explain } = bed(ROUTED);
    expect(await explain({ address: SIX, error: timedOut }, { address: FOUR, error })).toBe(
      `stranger: uplink lte: ${error.message}`,
    );
  });

  it('does not hold up the failure for long', async () => {
    const kernel = { ...kernelOf(ROUTED), runIp: () => new Promise<never>(() => {}) };
    const options = { bindsByInterface: true, clock: () => 0, answers: async () => false, kernel };
    const failures = [{ address: FOUR, error: timedOut }];
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const explained = new PathExplainer(options).explain(LTE, failures, timedOut, new Cancellation());
    await vi.advanceTimersByTimeAsync(500);
    expect(await explained).toBe(timedOut);
  });
});
