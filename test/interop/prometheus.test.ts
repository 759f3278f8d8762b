import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { startEcho } from '../end-to-end/support/origin.ts';
import { Pair } from '../end-to-end/support/pair.ts';
import { Program } from '../end-to-end/support/program.ts';
import { readAll, socksConnect } from '../end-to-end/support/socks-client.ts';
import { needs } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { run } from './run.ts';

const DEPLOY = join(import.meta.dirname, '..', '..', 'deploy');
const PROMETHEUS = join(DEPLOY, 'prometheus');
const RULES = join(PROMETHEUS, 'tributary.rules.yml');
const DASHBOARD = join(DEPLOY, 'grafana', 'tributary.json');

/** Names of metrics and, where they are asked for, their labels. */
const SELECTOR = /(?<![:\w])((?:tributary|process|nodejs)_[a-z0-9_]+)(?:\{([^}]*)\})?/g;

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

/** What is asked for by the rules, in their order. */
async function readRules(): Promise<readonly Rule[]> {
  const { groups } = parse(await readFile(RULES, 'utf8')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

describe('Prometheus', needs('prometheus'), () => {
  let pair: Pair;
  let folder: string;
  let prometheus: Program;
  let url: string;

  const query = async (expr: string): Promise<readonly { readonly value: [number, string] }[]> => {
    const answer = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query: expr })}`);
    const { status, data, error } = (await answer.json()) as {
      status: string;
      data: { result: { value: [number, string] }[] };
      error?: string;
    };
    expect(status, `${expr}: ${error}`).toBe('success');
    return data.result;
  };

  beforeAll(async () => {
    const origin = await startEcho();
    pair = await Pair.start({
      client: {
        uplinks: [
          { name: 'left', address: '127.0.0.2' },
          { name: 'right', address: '127.0.0.3', metered: { monthly: '1GB' } },
        ],
      },
    });
    folder = await mkdtemp(join(tmpdir(), 'tributary-prometheus-'));
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const config = parse(await readFile(join(PROMETHEUS, 'prometheus.yml'), 'utf8'));
    Object.assign(config.global, { scrape_interval: '500ms', evaluation_interval: '500ms' });
    config.rule_files = [RULES];
    config.scrape_configs[0].static_configs[0].targets = [`${pair.host}:29101`];
    config.scrape_configs[1].static_configs[0].targets = [`${pair.host}:29102`];
    await writeFile(join(folder, 'prometheus.yml'), stringify(config));
    prometheus = new Program('prometheus', [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ]);
    const isScraped = async () => (await query('count(tributary_build_info)').catch(() => []))[0]?.value[1];
    await vi.waitFor(async () => expect(await isScraped()).toBe('2'), { timeout: 30_000 });
    for (let i = 0; i < 8; i++) {
      const { socket } = await socksConnect(pair.socks, origin);
      socket.end(Buffer.alloc(100_000));
      await readAll(socket);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    await origin.close();
  }, 60_000);
  afterAll(async () => {
    await prometheus.kill();
    await pair.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('takes the configuration and the rules, whose own tests pass', async () => {
    await run('promtool', ['check', 'config', join(PROMETHEUS, 'prometheus.yml')]);
    await run('promtool', ['check', 'rules', RULES]);
    await run('promtool', ['test', 'rules', join(PROMETHEUS, 'tributary.rules.test.yml')]);
  });

  it.each(['client', 'concentrator'] as const)(
    'finds nothing to say about the metrics of the %s',
    async (end) => {
      const port = { client: 29_101, concentrator: 29_102 }[end];
      const answer = await fetch(`http://${pair.host}:${port}/metrics`);
      const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input: await answer.text(),
        encoding: 'utf8',
      });
      // Those of Node.js itself are not ours to name.
      const isOurs = (line: string) => line !== '' && !/^(nodejs|process)_/.test(line);
      expect(`${stdout}${stderr}`.split('\n').filter(isOurs)).toEqual([]);
    },
  );

  it('finds both ends up', async () => {
    for (const job of ['tributary-client', 'tributary-concentrator']) {
      await expect.poll(async () => (await query(`up{job="${job}"}`))[0]?.value[1]).toBe('1');
    }
  });

  it('has each metric and label that the rules name, and an alert for none that is in order', async () => {
    for (const { expr } of await readRules()) {
      for (const [, metric, labels = ''] of expr.matchAll(SELECTOR)) {
        const found = await query(`count(${metric})`);
        expect(found.length, `${metric} of ${expr}`).toBe(1);
        for (const [, label] of labels.matchAll(/([a-z_]+) *(?:=|!=|=~|!~)/g)) {
          const withLabel = await query(`count(${metric}{${label}!=""})`);
          expect(withLabel.length, `${metric}{${label}} of ${expr}`).toBe(1);
        }
      }
    }
    const firing = await query('ALERTS{alertstate="firing"}');
    expect(firing).toEqual([]);
  });

  it('records something by each rule', async () => {
    for (const { record } of await readRules()) {
      if (record === undefined) continue;
      await expect.poll(async () => (await query(record)).length, { timeout: 20_000 }).toBeGreaterThan(0);
    }
  });

  it('answers each query of the dashboard', async () => {
    const { panels, annotations } = JSON.parse(await readFile(DASHBOARD, 'utf8')) as {
      panels: Panel[];
      annotations: { list: { name: string; expr: string }[] };
    };
    const asked = panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({
        title,
        expr: expr.replaceAll(/\$(client\|\$concentrator|client|concentrator)/g, '.*'),
      })),
    );
    expect(asked.length).toBeGreaterThan(30);
    for (const { title, expr } of asked) {
      await expect
        .poll(async () => (await query(expr)).length, { timeout: 10_000, message: `${title}: ${expr}` })
        .toBeGreaterThan(0);
    }
    for (const { expr } of annotations.list) await query(expr.replaceAll('$client', '.*'));
  });

  it.each(['tributary-client', 'tributary-concentrator'])(
    'has the delays of the connections at %s',
    async (job) => {
      for (const delay of ['open', 'queueing']) {
        const [count] = await query(`tributary_stream_${delay}_seconds_count{job="${job}"}`);
        expect(Number(count!.value[1]), delay).toBeGreaterThanOrEqual(8);
        const [p95] = await query(`instance:tributary_stream_${delay}_seconds:p95_rate5m{job="${job}"}`);
        expect(Number(p95!.value[1]), delay).toBeGreaterThan(0);
        expect(Number(p95!.value[1]), delay).toBeLessThan(5);
      }
    },
  );

  it('counts the same bytes as the program', async () => {
    const [found] = await query('sum(tributary_uplink_bytes_total{job="tributary-client"})');
    const own = (await pair.metrics('client')).sum('tributary_uplink_bytes_total');
    expect(Number(found!.value[1]) / own).toBeGreaterThan(0.95);
    expect(Number(found!.value[1]) / own).toBeLessThan(1.05);
  });
});
