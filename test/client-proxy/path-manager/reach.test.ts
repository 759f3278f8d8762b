import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FoundAddresses, TargetNames } from '../../../client-proxy/dns/target-names.ts';
import type { PathTarget } from '../../../client-proxy/path-manager/paths.ts';
import { type ReachOptions, reach } from '../../../client-proxy/path-manager/reach.ts';
import type { Uplink } from '../../../client-proxy/uplink/uplink.ts';
import { UplinkError } from '../../../client-proxy/uplink/uplink-error.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import type { SubflowTransport } from '../../../shared/runtime/subflow/subflow-transport.ts';

const WIFI: Uplink = { name: 'wifi', binding: { kind: 'interface', interface: 'wlan0' }, backup: false };
const FOUR: PathTarget = { host: '192.0.2.1', port: 443, families: [4] };
const SIX: PathTarget = { host: '2001:db8::1', port: 443, families: [6] };
const NAME: PathTarget = { host: 'vps.example', port: 443, families: [6, 4] };

const SLOW: PathTarget = { host: 'slow.example', port: 443, families: [6, 4] };

/** Where the uplink has no IPv4. */
const TRANSLATED = { from: '198.41.0.4', to: '64:ff9b::c629:4' };

/** What becomes of each address: how long it takes, and whether it fails. */
type Fates = Readonly<Record<string, { afterMs: number; fails?: string }>>;

function bed(
  targets: readonly PathTarget[],
  fates: Fates,
  more: Partial<ReachOptions> = {},
  found: FoundAddresses = { addresses: ['2001:db8::1', '192.0.2.1'] },
) {
  const started: [string, number][] = [];
  const reached: string[] = [];
  let open = 0;
  const result = reach({
    uplink: WIFI,
    targets,
    names: {
      async find(_uplinkName: string, name: string) {
        if (name !== NAME.host) throw Object.assign(new Error('unknown'), { code: 'ENOTFOUND' });
        return found;
      },
      dialled: async (_uplinkName: string, addresses: readonly string[]) =>
        addresses.map((address) => (address === TRANSLATED.from ? TRANSLATED.to : address)),
      onReached: (...what: string[]) => void reached.push(what.join(' ')),
      onFailed: (...what: string[]) => void reached.push(`not ${what.join(' ')}`),
    } as unknown as TargetNames,
    async connect(_uplink, { host }, signal) {
      started.push([host, performance.now()]);
      const { afterMs, fails } = fates[host]!;
      open++;
      await new Promise<void>((resolve, reject) => {
        setTimeout(resolve, afterMs);
        signal.addEventListener('abort', () => reject(signal.reason));
      }).finally(() => open--);
      if (fails !== undefined) throw new UplinkError('wifi', 'timedOut', `${host}: ${fails}`);
      return { destroy() {} } as SubflowTransport;
    },
    timeoutMs: 5_000,
    signal: new Cancellation(),
    ...more,
  });
  result.catch(() => {});
  return { result, started, reached, stillOpen: () => open };
}

/** Names of which the slow one is found after so long, or, without addresses, is not; any other one is at 192.0.2.7. */
function slowName(afterMs: number, slow: readonly string[] = []): TargetNames {
  return {
    async find(_uplinkName: string, name: string) {
      if (name !== SLOW.host) return { addresses: ['192.0.2.7'] };
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      if (slow.length === 0) throw Object.assign(new Error('no answer'), { code: 'ETIMEOUT' });
      return { addresses: slow };
    },
    dialled: async (_uplinkName: string, addresses: readonly string[]) => addresses,
    onReached() {},
    onFailed() {},
  } as unknown as TargetNames;
}

beforeEach(() => {
  vi.useFakeTimers({ now: 0, toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('reaching the concentrator', () => {
  it('takes IPv6, and IPv4 only when that is slow', async () => {
    const quick = bed([FOUR, SIX], { [SIX.host]: { afterMs: 200 }, [FOUR.host]: { afterMs: 10 } });
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await quick.result).address.host).toBe(SIX.host);
    expect(quick.started).toEqual([[SIX.host, 0]]);
    const slow = bed([FOUR, SIX], { [SIX.host]: { afterMs: 9_000 }, [FOUR.host]: { afterMs: 10 } });
    const beganMs = performance.now();
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await slow.result).address.host).toBe(FOUR.host);
    expect(slow.started.at(-1)).toEqual([FOUR.host, beganMs + 250]);
    expect(slow.stillOpen()).toBe(0);
  });

  it('begins with what answered last', async () => {
    const { result, started } = bed(
      [FOUR, SIX],
      { [SIX.host]: { afterMs: 10 }, [FOUR.host]: { afterMs: 10 } },
      { choice: { preferred: { host: FOUR.host, port: FOUR.port } } },
    );
    await vi.advanceTimersByTimeAsync(1_000);
    expect([(await result).address.host, started]).toEqual([FOUR.host, [[FOUR.host, 0]]]);
  });

  it('tries all addresses of a name, each once', async () => {
    const { result, started } = bed([NAME, SIX], {
      [SIX.host]: { afterMs: 0, fails: 'refused' },
      [FOUR.host]: { afterMs: 10 },
    });
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await result).address).toEqual({ host: FOUR.host, port: 443 });
    expect(started.map(([host]) => host)).toEqual([SIX.host, FOUR.host]);
  });

  it('says what is wrong with each address, in one order', async () => {
    const { result } = bed([FOUR, SIX], {
      [SIX.host]: { afterMs: 300, fails: 'no route' },
      [FOUR.host]: { afterMs: 0, fails: 'refused' },
    });
    await vi.advanceTimersByTimeAsync(1_000);
    await expect(result).rejects.toThrow(/^uplink wifi: 2001:db8::1: no route; 192.0.2.1: refused$/);
  });

  it('goes on without a name that does not resolve, if there is anything else', async () => {
    const unknown: PathTarget = { host: 'nowhere.example', port: 443, families: [6, 4] };
    const some = bed([unknown, FOUR], { [FOUR.host]: { afterMs: 0 } });
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await some.result).address.host).toBe(FOUR.host);
    await expect(bed([unknown], {}).result).rejects.toThrow(
      'uplink wifi: no connection to nowhere.example:443: the name does not resolve (ENOTFOUND)',
    );
  });

  it('tries what its own name servers tell, also after what was known has failed', async () => {
    const later = new Promise<readonly string[]>((resolve) =>
      setTimeout(resolve, 700, ['192.0.2.1', '192.0.2.9']),
    );
    const fates = { '192.0.2.1': { afterMs: 100, fails: 'moved' }, '192.0.2.9': { afterMs: 50 } };
    const { result, started, reached } = bed([NAME], fates, {}, { addresses: ['192.0.2.1'], later });
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await result).address.host).toBe('192.0.2.9');
    expect(started).toEqual([
      ['192.0.2.1', 0],
      ['192.0.2.9', 700],
    ]);
    expect(reached).toEqual([`wifi ${NAME.host} 192.0.2.9`]);
    const none = bed([NAME], fates, {}, { addresses: ['192.0.2.1'], later: Promise.resolve([]) });
    await vi.advanceTimersByTimeAsync(2_000);
    await expect(none.result).rejects.toThrow('192.0.2.1: moved');
    expect(none.reached).toEqual([`not wifi ${NAME.host}`]);
  });

  it('does not wait for a slow name where there is anything else', async () => {
    const dead = slowName(5_000);
    const fates = {
      [FOUR.host]: { afterMs: 10 },
      '192.0.2.7': { afterMs: 10 },
      '192.0.2.9': { afterMs: 10 },
    };
    for (const [other, address] of [[FOUR, FOUR.host] as const, [NAME, '192.0.2.7'] as const]) {
      const beganMs = performance.now();
      const { result, started } = bed([SLOW, other], fates, { names: dead });
      await vi.advanceTimersByTimeAsync(400);
      expect(started).toEqual([[address, beganMs + 250]]);
      expect((await result).address.host).toBe(address);
    }
    const failing = { ...fates, [FOUR.host]: { afterMs: 10, fails: 'refused' } };
    const late = bed([SLOW, FOUR], failing, { names: slowName(2_000, ['192.0.2.9']) });
    await vi.advanceTimersByTimeAsync(2_100);
    expect((await late.result).address.host).toBe('192.0.2.9');
    const none = bed([SLOW, FOUR], failing, { names: dead });
    await vi.advanceTimersByTimeAsync(5_100);
    await expect(none.result).rejects.toThrow(/^uplink wifi: 192.0.2.1: refused$/);
    const alone = bed([SLOW], fates, { names: dead });
    await vi.advanceTimersByTimeAsync(5_100);
    await expect(alone.result).rejects.toThrow('no connection to slow.example:443');
  });

  it('waits for a name where the session is known at none of the other addresses', async () => {
    const { result, started } = bed(
      [FOUR, SLOW],
      { '192.0.2.9': { afterMs: 10 } },
      { isLeftOut: ({ host }) => host === FOUR.host, names: slowName(700, ['192.0.2.9']) },
    );
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await result).address.host).toBe('192.0.2.9');
    expect(started).toEqual([['192.0.2.9', 700]]);
  });

  it('dials the translation of an address and knows it by the address itself', async () => {
    const target: PathTarget = { host: TRANSLATED.from, port: 443, families: [4] };
    const { result, started } = bed([target], { [TRANSLATED.to]: { afterMs: 10 } });
    await vi.advanceTimersByTimeAsync(100);
    expect((await result).address.host).toBe(TRANSLATED.from);
    expect(started).toEqual([[TRANSLATED.to, 0]]);
  });

  it('leaves names to a proxy', async () => {
    const proxy: Uplink = { ...WIFI, binding: { kind: 'proxy', host: '127.0.0.1', port: 1080 } };
    const { result } = bed([NAME], { [NAME.host]: { afterMs: 0 } }, { uplink: proxy });
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await result).address.host).toBe(NAME.host);
  });

  it('ends at once when it is given up', async () => {
    const signal = new Cancellation();
    const { result, stillOpen } = bed([FOUR], { [FOUR.host]: { afterMs: 9_000 } }, { signal });
    await vi.advanceTimersByTimeAsync(10);
    signal.abort(new Error('over'));
    await expect(result).rejects.toThrow('over');
    expect(stillOpen()).toBe(0);
  });
});
