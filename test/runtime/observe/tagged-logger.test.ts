import { pino } from 'pino';
import { expect, it } from 'vitest';
import { taggedLogger } from '../../../shared/runtime/observe/tagged-logger.ts';

it('has its lines say more, as it is when they are written, at the level of its parent', () => {
  const lines: object[] = [];
  const parent = pino(
    { base: null, timestamp: false },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  );
  let name = 'frankfurt';
  const logger = taggedLogger(parent, () => ({ concentrator: name }));
  logger.info({ uplink: 'dsl' }, 'up');
  logger.debug({}, 'not written');
  name = 'berlin';
  parent.level = 'debug';
  expect(logger.isLevelEnabled('debug')).toBe(true);
  logger.debug({}, 'written');
  parent.warn({}, 'of the parent');
  expect(lines).toEqual([
    { level: 30, concentrator: 'frankfurt', uplink: 'dsl', msg: 'up' },
    { level: 20, concentrator: 'berlin', msg: 'written' },
    { level: 40, msg: 'of the parent' },
  ]);
});
