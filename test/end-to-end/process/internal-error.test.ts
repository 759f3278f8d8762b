import { describe, expect, it } from 'vitest';
import { useCleanups } from '../../support/cleanups.ts';
import { Pair } from '../support/pair.ts';

/** A module that has a defect as soon as it gets a signal. */
const defective = (what: string) =>
  `data:text/javascript,${encodeURIComponent(`process.on("SIGUSR2",()=>{${what}})`)}`;

describe('an internal error outside of a session', () => {
  const onCleanup = useCleanups();

  it.each([
    ['that is thrown', 'throw new Error("a defect")', 'uncaughtException'],
    ['in a promise', 'Promise.reject(new Error("a defect"))', 'unhandledRejection'],
    ['that is no error', 'throw "a defect"', 'uncaughtException'],
  ])('%s is logged as everything else, and ends the program with 70', async (_name, defect, origin) => {
    const pair = await Pair.start({
      under: { concentrator: ['env', `NODE_OPTIONS=--import=${defective(defect)}`] },
    });
    onCleanup(() => pair.client.stop());
    process.kill(pair.concentrator.pid, 'SIGUSR2');
    expect(await pair.concentrator.untilExit()).toBe(70);
    const last = JSON.parse(pair.concentrator.output.split('\n').at(-1)!);
    expect(last).toMatchObject({ level: 'fatal', origin, msg: 'internal error: the program ends' });
    expect(JSON.stringify(last)).toContain('a defect');
  });
});
