import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type NameSources, TargetNames } from '../../../client-proxy/dns/target-names.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';

const NAME = 'vps.example';

/** What becomes of a question: addresses or a failure, after so long. */
interface Fate {
  readonly addresses?: readonly string[];
  readonly fails?: string;
  readonly afterMs?: number;
}

const SILENT: Fate = { fails: 'no name server answered', afterMs: 5_000 };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

async function come(fate: Fate): Promise<readonly string[]> {
  await new Promise((resolve) => setTimeout(resolve, fate.afterMs ?? 1));
  if (fate.fails !== undefined) throw new Error(fate.fails);
  return fate.addresses ?? [];
}

function bed(uplinks: Readonly<Record<string, Fate>>, more: { system?: Fate; remembered?: string[] } = {}) {
  const asked: string[] = [];
  const sources: NameSources = {
    async ofUplink(uplinkName) {
      asked.push(uplinkName);
      return come(uplinks[uplinkName]!);
    },
    async ofSystem() {
      asked.push('system');
      return come(more.system ?? { fails: 'EAI_AGAIN', afterMs: 30_000 });
    },
    dialled: async (_uplinkName, addresses) => addresses,
    remembered: () => more.remembered ?? [],
    onReached: () => {},
  };
  const names = new TargetNames(sources);
  const find = (uplinkName: string, families: readonly (4 | 6)[] = [6, 4], signal = new Cancellation()) => {
    const sinceMs = performance.now();
    return names.find(uplinkName, NAME, families, signal).then(
      async ({ addresses, later }) => ({
        addresses,
        afterMs: performance.now() - sinceMs,
        later: await later,
      }),
      (error: Error) => ({ error: error.message, afterMs: performance.now() - sinceMs }),
    );
  };
  return { names, asked, find };
}

/** Everything has come to its end by then. */
const all = async <T>(...found: Promise<T>[]): Promise<T[]> => {
  await vi.advanceTimersByTimeAsync(60_000);
  return Promise.all(found);
};

describe('the addresses of a name', () => {
  it('are those that the name servers of the uplink tell, in the order of the families', async () => {
    const { find, asked, names } = bed({ lte: { addresses: ['192.0.2.1', '2001:db8::1'], afterMs: 20 } });
    expect(await all(find('lte'))).toEqual([
      { addresses: ['2001:db8::1', '192.0.2.1'], afterMs: 20, later: undefined },
    ]);
    expect(await all(find('lte', [4]))).toEqual([
      { addresses: ['192.0.2.1'], afterMs: 20, later: undefined },
    ]);
    expect(asked).toEqual(['lte', 'lte']);
    expect(names.known(NAME)).toEqual(['192.0.2.1', '2001:db8::1']);
  });

  it('are what another uplink has found out, until their own name servers answer', async () => {
    const own = { addresses: ['192.0.2.9'], afterMs: 4_000 };
    const { find } = bed({ dsl: own, lte: { addresses: ['192.0.2.1'], afterMs: 30 }, wifi: SILENT });
    const [slow, , dead] = await all(find('dsl'), find('lte'), find('wifi'));
    expect(slow).toEqual({ addresses: ['192.0.2.1'], afterMs: 30, later: ['192.0.2.9'] });
    expect(dead).toMatchObject({ addresses: ['192.0.2.1'], afterMs: 30 });
  });

  it('are of the family that the uplink has, whatever others find', async () => {
    const { find } = bed({
      v6: { addresses: ['2001:db8::1'], afterMs: 400 },
      lte: { addresses: ['192.0.2.1'], afterMs: 30 },
    });
    const [own] = await all(find('v6', [6]), find('lte'));
    expect(own).toEqual({ addresses: ['2001:db8::1'], afterMs: 400, later: undefined });
  });

  it('are those of the last time where nobody answers soon', async () => {
    const { find } = bed({ dsl: SILENT }, { remembered: ['192.0.2.7'] });
    expect(await all(find('dsl'))).toMatchObject([{ addresses: ['192.0.2.7'], afterMs: 250 }]);
    const late = bed({ dsl: { addresses: ['192.0.2.1'], afterMs: 900 } }, { remembered: ['192.0.2.7'] });
    expect(await all(late.find('dsl'))).toEqual([
      { addresses: ['192.0.2.7'], afterMs: 250, later: ['192.0.2.1'] },
    ]);
    const soon = bed({ dsl: { addresses: ['192.0.2.1'], afterMs: 90 } }, { remembered: ['192.0.2.7'] });
    expect(await all(soon.find('dsl'))).toMatchObject([{ addresses: ['192.0.2.1'], afterMs: 90 }]);
    expect(soon.names.known(NAME)).toEqual(['192.0.2.1', '192.0.2.7']);
  });

  it('are those of others, too, where nothing is to be reached at what the name servers tell', async () => {
    const lies = { addresses: ['10.0.0.1'] };
    const { names, find } = bed(
      { wifi: lies, lte: { addresses: ['192.0.2.1'] } },
      { remembered: ['192.0.2.7'] },
    );
    await all(find('lte'));
    expect(await all(find('wifi'))).toMatchObject([{ addresses: ['10.0.0.1'] }]);
    names.onFailed('wifi', NAME);
    const others = ['10.0.0.1', '192.0.2.1', '192.0.2.7'];
    expect(await all(find('wifi'))).toMatchObject([{ addresses: others }]);
    names.onReached('wifi', NAME, '192.0.2.1');
    expect(await all(find('wifi'))).toMatchObject([{ addresses: ['10.0.0.1'] }]);
  });

  it('are those that the system knows where no name server of the uplink does', async () => {
    const system = { addresses: ['192.0.2.3'] };
    const { find, asked } = bed({ dsl: { fails: 'there is no such name' } }, { system });
    expect(await all(find('dsl'))).toMatchObject([{ addresses: ['192.0.2.3'], afterMs: 2 }]);
    const silent = bed({ dsl: SILENT, lte: SILENT }, { system });
    expect(await all(silent.find('dsl'), silent.find('lte'))).toMatchObject([
      { addresses: ['192.0.2.3'], afterMs: 501 },
      { addresses: ['192.0.2.3'], afterMs: 501 },
    ]);
    // It takes a process: one question for all.
    expect([...asked, ...silent.asked]).toEqual(['dsl', 'system', 'dsl', 'lte', 'system']);
  });

  it('are missed with the reason of the uplink, where nobody has any', async () => {
    const { find } = bed({ dsl: { fails: 'its own reason' } }, { system: { fails: 'EAI_AGAIN' } });
    expect(await all(find('dsl'))).toMatchObject([{ error: 'its own reason' }]);
    const other = bed({ v6: { addresses: ['192.0.2.1'] } }, { system: { addresses: ['192.0.2.1'] } });
    expect(await all(other.find('v6', [6]))).toMatchObject([
      { error: expect.stringContaining('no address') },
    ]);
  });

  it('are not waited for by who has given up', async () => {
    const { find } = bed({ dsl: SILENT });
    const caller = new Cancellation();
    const found = find('dsl', [4], caller);
    await vi.advanceTimersByTimeAsync(20);
    caller.abort(new Error('enough'));
    expect(await all(found)).toEqual([{ error: 'enough', afterMs: 20 }]);
  });
});
