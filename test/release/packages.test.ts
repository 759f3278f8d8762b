import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../support/needs.ts';
import { madePackages } from './support/release.ts';

const TIMEOUT_MS = 600_000;
let made = '';

beforeAll(async () => {
  made = await madePackages();
}, TIMEOUT_MS);

describe('packages for Debian', () => {
  it('have no errors by lintian', { ...needs('lintian'), timeout: TIMEOUT_MS }, () => {
    const debs = readdirSync(made).filter((name) => name.endsWith('.deb'));
    expect(debs).toHaveLength(3);
    const { stdout } = spawnSync('lintian', ['--allow-root', '--fail-on', 'error', ...debs], {
      cwd: made,
      encoding: 'utf8',
    });
    expect(stdout.split('\n').filter((line) => line.startsWith('E:'))).toEqual([]);
  });
});
