import { lookup } from 'node:dns/promises';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { TargetNames } from '../../../client-proxy/dns/target-names.ts';

vi.mock('node:dns/promises');
const lookups = vi.mocked(lookup) as unknown as ReturnType<typeof vi.fn>;
const noSignal = new AbortController().signal;
const never = new Promise<never>(() => {});

/** What a lookup of each family comes to. */
type Answers = Partial<Record<4 | 6, readonly string[] | Error | Promise<never>>>;

function resolvesTo(answers: Answers): void {
  lookups.mockImplementation(async (_name: string, { family }: { family: 4 | 6 }) => {
    const answer = (await answers[family]) ?? new Error(`ENOTFOUND ${family}`);
    if (answer instanceof Error) throw answer;
    return answer.map((address) => ({ address, family }));
  });
}

describe('the addresses of a name', () => {
  let names: TargetNames;
  beforeEach(() => {
    names = new TargetNames();
    lookups.mockClear();
  });

  it('are the newest while it resolves', async () => {
    resolvesTo({ 4: ['192.0.2.1'] });
    expect(await names.addressesOf('a.example', [4], noSignal)).toEqual(['192.0.2.1']);
    resolvesTo({ 4: ['192.0.2.2', '192.0.2.3'] });
    expect(await names.addressesOf('a.example', [4], noSignal)).toEqual(['192.0.2.2', '192.0.2.3']);
  });

  it('are those of both families, and of one where the other has none or takes too long', async () => {
    resolvesTo({ 4: ['192.0.2.1'], 6: ['2001:db8::1'] });
    const both = ['2001:db8::1', '192.0.2.1'];
    expect(await names.addressesOf('a.example', [6, 4], noSignal)).toEqual(both);
    expect(names.known('a.example')).toEqual(both);
    for (const missing of [new Error('ENOTFOUND'), never]) {
      names = new TargetNames();
      resolvesTo({ 4: ['192.0.2.1'], 6: missing });
      expect(await names.addressesOf('a.example', [6, 4], noSignal)).toEqual(['192.0.2.1']);
    }
  });

  it('are the last ones when the name server fails, and when it does not answer', async () => {
    resolvesTo({ 4: ['192.0.2.1'] });
    await names.addressesOf('a.example', [4], noSignal);
    resolvesTo({ 4: new Error('EAI_AGAIN'), 6: new Error('EAI_AGAIN') });
    expect(await names.addressesOf('a.example', [4], noSignal)).toEqual(['192.0.2.1']);
    // Another family or name has others.
    await expect(names.addressesOf('a.example', [6], noSignal)).rejects.toThrow('EAI_AGAIN');
    resolvesTo({ 4: never });
    expect(await names.addressesOf('a.example', [4], noSignal)).toEqual(['192.0.2.1']);
  });

  it('are looked up once for all who ask at the same time', async () => {
    resolvesTo({ 4: ['192.0.2.1'] });
    await Promise.all([1, 2, 3].map(() => names.addressesOf('a.example', [4], noSignal)));
    expect(lookups).toHaveBeenCalledTimes(1);
  });

  it('are not waited for beyond the time limit', async () => {
    resolvesTo({ 4: never, 6: never });
    await expect(names.addressesOf('a.example', [6, 4], AbortSignal.timeout(20))).rejects.toThrow('timeout');
    const over = AbortSignal.abort(new Error('over'));
    await expect(names.addressesOf('a.example', [4], over)).rejects.toThrow('over');
  });
});
