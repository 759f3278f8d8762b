import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parseDocument } from 'yaml';
import { Program } from '../end-to-end/support/program.ts';
import { freePort } from '../support/ports.ts';
import { report } from '../system/support/system.ts';
import { bundleName, madePackages, VERSION } from './support/release.ts';

const MAKE_TIMEOUT_MS = 600_000;
/** From the command to the answer that it can serve, where Node.js itself starts and ends in 25 ms or less. */
const START_LIMIT_MS = 300;
/** On a slower machine: as many times what Node.js itself takes. */
const START_LIMIT_RATIO = START_LIMIT_MS / 25;
const STARTS = 5;
const POLL_MS = 2;
const GIVE_UP_MS = 20_000;

describe('a program of the bundle', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-start-'));
  const file = (program: string) => join(folder, `${program}.yaml`);
  const ports = new Map<string, number>();
  let bin = '';

  beforeAll(async () => {
    bin = join(await madePackages(), bundleName(VERSION), 'bin');
    const [listen, socks] = await Promise.all([freePort(), freePort()]);
    const address = `127.0.0.1:${listen}`;
    const run = (program: string, args: readonly string[], input = '') =>
      execFileSync(join(bin, program), args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
    const init = ['init', '--public', address, '--listen', address, '--directory', folder];
    const link = run('tributary-concentrator', init);
    const join_ = ['join', '-', '--config', file('tributary-client'), '--socks', `127.0.0.1:${socks}`];
    run('tributary-client', join_, link);
    for (const [program, changes] of [
      ['tributary-concentrator', { stateDir: join(folder, 'concentrator') }],
      [
        'tributary-client',
        {
          stateDir: join(folder, 'client'),
          uplinks: [
            { name: 'left', address: '127.0.0.2' },
            { name: 'right', address: '127.0.0.3' },
          ],
        },
      ],
    ] as const) {
      const port = await freePort();
      ports.set(program, port);
      const document = parseDocument(readFileSync(file(program), 'utf8'));
      const all = { ...changes, metrics: { listen: `127.0.0.1:${port}` } };
      for (const [key, value] of Object.entries(all)) document.set(key, value);
      writeFileSync(file(program), String(document));
    }
  }, MAKE_TIMEOUT_MS);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const start = (program: string) => {
    const started = new Program(join(bin, program), ['--config', file(program)]);
    onTestFinished(() => started.kill());
    return started;
  };
  /** Starts it, and stops it when it can serve. */
  const startMs = async (program: string): Promise<number> => {
    const sinceMs = performance.now();
    const started = start(program);
    await untilReady(ports.get(program)!);
    const tookMs = performance.now() - sinceMs;
    await started.kill();
    return tookMs;
  };
  /** What the bundle's Node.js takes to start and end, with nothing to do. */
  const nodeMs = (): number => {
    const sinceMs = performance.now();
    expect(spawnSync(join(bin, '../lib/node'), ['-e', '0']).status).toBe(0);
    return performance.now() - sinceMs;
  };

  it.each(['tributary-concentrator', 'tributary-client'])(
    `can serve less than ${START_LIMIT_MS} ms after it is started: %s`,
    async (program) => {
      if (program === 'tributary-client') {
        start('tributary-concentrator');
        await untilReady(ports.get('tributary-concentrator')!);
      }
      const starts: number[] = [];
      const ofNode: number[] = [];
      // In turn, so that both meet what else this machine does.
      for (let i = 0; i < STARTS; i++) {
        ofNode.push(nodeMs());
        starts.push(await startMs(program));
      }
      report(
        `${program} can serve ${shown(starts)} ms after it is started, Node.js alone takes ${shown(ofNode)}`,
      );
      const limitMs = Math.max(START_LIMIT_MS, START_LIMIT_RATIO * middle(ofNode));
      expect(middle(starts)).toBeLessThan(limitMs);
    },
  );
});

const shown = (times: readonly number[]) => times.map((each) => each.toFixed(0)).join(', ');
const middle = (times: readonly number[]) => times.toSorted((a, b) => a - b)[times.length >> 1]!;

async function untilReady(port: number): Promise<void> {
  const limit = AbortSignal.timeout(GIVE_UP_MS);
  while (!(await isReady(port))) {
    limit.throwIfAborted();
    await sleep(POLL_MS);
  }
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: '/readyz', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).on('error', () => resolve(false));
  });
}
