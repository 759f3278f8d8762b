import { lookup } from 'node:dns/promises';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { TargetNames } from '../../../shared/runtime/net/target-names.ts';

vi.mock('node:dns/promises');
const answers = vi.mocked(lookup) as unknown as ReturnType<typeof vi.fn>;
const noSignal = new AbortController().signal;
const resolvesTo = (address: string) => answers.mockResolvedValue({ address, family: 4 });
const neverResolves = () => answers.mockReturnValue(new Promise(() => {}));

describe('the address of a name', () => {
  let names: TargetNames;
  beforeEach(() => {
    names = new TargetNames();
  });

  it('is the newest one while it resolves', async () => {
    resolvesTo('192.0.2.1');
    expect(await names.addressOf('a.example', 4, noSignal)).toBe('192.0.2.1');
    resolvesTo('192.0.2.2');
    expect(await names.addressOf('a.example', 4, noSignal)).toBe('192.0.2.2');
  });

  it('is the last one when the name server fails, and when it does not answer', async () => {
    resolvesTo('192.0.2.1');
    await names.addressOf('a.example', 4, noSignal);
    answers.mockRejectedValue(new Error('EAI_AGAIN'));
    expect(await names.addressOf('a.example', 4, noSignal)).toBe('192.0.2.1');
    neverResolves();
    expect(await names.addressOf('a.example', 4, noSignal)).toBe('192.0.2.1');
    // Another family or name has another.
    answers.mockRejectedValue(new Error('EAI_AGAIN'));
    await expect(names.addressOf('a.example', 6, noSignal)).rejects.toThrow('EAI_AGAIN');
  });

  it('is not waited for beyond the time limit', async () => {
    neverResolves();
    await expect(names.addressOf('a.example', 0, AbortSignal.timeout(20))).rejects.toThrow('timeout');
    await expect(names.addressOf('a.example', 0, AbortSignal.abort(new Error('over')))).rejects.toThrow(
      'over',
    );
  });
});
