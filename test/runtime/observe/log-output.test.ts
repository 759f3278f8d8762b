import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LogOutput } from '../../../shared/runtime/observe/log-output.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const FULL = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });

function outputBed() {
  const writes: { text: string; done: (error?: Error | null) => void }[] = [];
  const lost: string[] = [];
  const recovered: number[] = [];
  const output = new LogOutput({
    sink: { write: (text, done) => void writes.push({ text, done }) },
    onLost: (reason) => void lost.push(reason),
    onRecovered: (lines) => void recovered.push(lines),
  });
  return { output, writes, lost, recovered };
}

describe('the log output', () => {
  it('has one write under way, and gathers what comes meanwhile', () => {
    const { output, writes } = outputBed();
    for (const line of ['a\n', 'b\n', 'c\n']) output.write(line);
    expect(writes.map(({ text }) => text)).toEqual(['a\n']);
    writes[0]!.done();
    expect(writes.map(({ text }) => text)).toEqual(['a\n', 'b\nc\n']);
    writes[1]!.done(null);
    expect(writes).toHaveLength(2);
  });

  it('keeps a bounded number of lines for a sink that takes none, and counts the rest', () => {
    const { output, writes, lost, recovered } = outputBed();
    const line = `${'x'.repeat(1023)}\n`;
    for (let i = 0; i < 10_000; i++) output.write(line);
    expect(output.droppedLines).toBe(10_000 - 1 - 512);
    expect(lost).toEqual(['nobody reads it']);
    writes[0]!.done();
    expect(recovered).toEqual([10_000 - 1 - 512]);
    expect(writes[1]!.text).toHaveLength(512 * 1024);
  });

  it('drops what could not be written, tries again after a while, and tells of it once', () => {
    const { output, writes, lost, recovered } = outputBed();
    output.write('x\n');
    writes[0]!.done(FULL);
    for (let round = 1; round <= 4; round++) {
      output.write('x\n');
      // Not at once: a disk that is full fails at once, too.
      expect(writes).toHaveLength(round);
      vi.advanceTimersByTime(1_000);
      writes[round]!.done(FULL);
    }
    expect(lost).toEqual(['no space left on the device']);
    output.write('y\n');
    vi.advanceTimersByTime(1_000);
    writes[5]!.done();
    expect(recovered).toEqual([5]);
    expect(output.droppedLines).toBe(5);
  });

  it('says whether all of it was written in the end', async () => {
    const good = outputBed();
    good.output.write('x\n');
    const flushed = good.output.flush(1_000);
    good.writes[0]!.done();
    expect(await flushed).toBe(true);

    const stalled = outputBed();
    stalled.output.write('x\n');
    const given = stalled.output.flush(1_000);
    vi.advanceTimersByTime(1_000);
    expect(await given).toBe(false);

    const failing = outputBed();
    failing.output.write('x\n');
    failing.writes[0]!.done(FULL);
    failing.output.write('y\n');
    const tried = failing.output.flush(1_000);
    failing.writes[1]!.done(FULL);
    expect(await tried).toBe(false);
    expect(await outputBed().output.flush(1_000)).toBe(true);
  });
});
