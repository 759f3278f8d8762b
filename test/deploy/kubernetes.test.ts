import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { Namespace } from 'kubernetes-models/v1/Namespace';
import { Service } from 'kubernetes-models/v1/Service';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { ClientsFile } from '../../server-concentrator/config/clients-file.ts';
import { loadConcentratorConfig } from '../../server-concentrator/config/load-concentrator-config.ts';
import { generateCertificate } from '../../shared/runtime/identity/certificate.ts';
import { projectFile } from '../documents/markdown.ts';
import { unreadKeys } from './unread-keys.ts';

const FOLDER = resolve(import.meta.dirname, '../../deploy/kubernetes');
const KINDS = {
  Deployment,
  HorizontalPodAutoscaler,
  Namespace,
  NetworkPolicy,
  PodDisruptionBudget,
  Service,
  ServiceMonitor,
  StatefulSet,
};

interface Manifest {
  readonly apiVersion: string;
  readonly kind: keyof typeof KINDS;
  readonly metadata: { readonly name: string };
  // As far as the tests below go into it, which the schema has checked.
  // biome-ignore lint/suspicious/noExplicitAny: manifests of all kinds
  readonly spec: any;
}

const read = (path: string) => readFileSync(join(FOLDER, path), 'utf8');
const kustomization = parse(read('kustomization.yaml'));
const component = parse(read('monitoring/kustomization.yaml'));
const manifests: readonly Manifest[] = [
  ...kustomization.resources,
  ...component.resources.map((name: string) => join('monitoring', name)),
].flatMap((path) => parseAllDocuments(read(path), { merge: true }).map((document) => document.toJS()));
const named = (kind: string, name: string) =>
  manifests.find((each) => each.kind === kind && each.metadata.name === name)!;
/** The autoscaler with the component `sessions`, whose patch adds to its metrics. */
function withSessions(): Manifest {
  const { patches } = parse(read('sessions/kustomization.yaml'));
  expect(patches).toHaveLength(1);
  const { target, patch } = patches[0];
  expect(target).toEqual({ group: 'autoscaling', version: 'v2', kind: AUTOSCALER, name: 'concentrator' });
  const patched = structuredClone(named(target.kind, target.name));
  for (const { op, path, value } of parse(patch)) {
    expect([op, path]).toEqual(['add', '/spec/metrics/-']);
    patched.spec.metrics.push(value);
  }
  return patched;
}
const AUTOSCALER = 'HorizontalPodAutoscaler';
const concentrators = named('StatefulSet', 'concentrator').spec;
const balancers = named('Deployment', 'balancer').spec;

/** What the schema does not know. Throws where it is not obeyed. */
function unknownKeys(manifest: Manifest): readonly string[] {
  return unreadKeys(manifest, (watched) => KINDS[manifest.kind].prototype.validate.call(watched as never));
}

describe('the manifests for Kubernetes', () => {
  it.each(manifests.map((manifest) => [manifest.kind, manifest.metadata.name, manifest] as const))(
    'have a valid %s %s',
    (kind, _, manifest) => {
      expect(manifest.apiVersion).toBe(KINDS[kind].apiVersion);
      expect(unknownKeys(manifest)).toEqual([]);
    },
  );

  it('would not be valid with a misspelt name, a wrong value or a missing part', () => {
    const budget = named('PodDisruptionBudget', 'balancer');
    const misspelt = { ...budget, spec: { ...budget.spec, maxUnavailble: 1 } };
    expect(unknownKeys(misspelt)).toEqual(['/spec/maxUnavailble']);
    expect(() => unknownKeys({ ...budget, spec: { maxUnavailable: [1] } })).toThrow(/maxUnavailable/);
    expect(() => unknownKeys({ ...named('StatefulSet', 'concentrator'), spec: {} })).toThrow(/selector/);
  });

  it('are all in a kustomization, with the files that it names', () => {
    const files = readdirSync(FOLDER).filter(
      (name) => name.endsWith('.yaml') && name !== 'kustomization.yaml',
    );
    expect([...kustomization.resources].sort()).toEqual(files.sort());
    const generated = [...kustomization.configMapGenerator, ...kustomization.secretGenerator];
    for (const path of generated.flatMap(({ files: each }) => each)) {
      // Made by `init`.
      if (path.startsWith('secret/'))
        expect(['certificate.pem', 'key.pem', 'clients.yaml']).toContain(basename(path));
      else expect([path, existsSync(join(FOLDER, path))]).toEqual([path, true]);
    }
    const volumes = [concentrators, balancers].flatMap(({ template }) => template.spec.volumes);
    for (const { configMap, secret } of volumes) {
      const name = configMap?.name ?? secret?.secretName;
      if (name !== undefined) expect(generated.map((each) => each.name)).toContain(name);
    }
  });

  it('select what there is, by ports that it has', () => {
    for (const { kind, metadata, spec } of manifests) {
      const labels = spec?.podSelector?.matchLabels ?? spec?.selector?.matchLabels ?? spec?.selector;
      if (kind === 'ServiceMonitor' || labels === undefined) continue;
      const selected = [concentrators, balancers].filter(({ template }) =>
        Object.entries(labels).every(([key, value]) => template.metadata.labels[key] === value),
      );
      expect([kind, metadata.name, selected.length]).toEqual([kind, metadata.name, 1]);
      if (kind !== 'Service') continue;
      const open = selected[0].template.spec.containers[0].ports.map(({ name }: { name: string }) => name);
      for (const { targetPort } of spec.ports) expect(open).toContain(targetPort);
    }
    const { spec } = named('ServiceMonitor', 'concentrator');
    const ports = named('Service', concentrators.serviceName).spec.ports.map(
      ({ name }: { name: string }) => name,
    );
    expect(ports).toContain(spec.endpoints[0].port);
  });

  it.each(['concentrator', 'balancer'])(
    'let the %s ask the DNS of a node, and nothing else there',
    (name) => {
      const { egress } = named('NetworkPolicy', name).spec;
      const toNode = egress.filter(({ to }: { to: { ipBlock?: { cidr: string } }[] }) =>
        to.some(({ ipBlock }) => ipBlock?.cidr === '169.254.20.10/32'),
      );
      expect(toNode.map(({ ports }: { ports: unknown }) => ports)).toEqual([
        [
          { protocol: 'UDP', port: 53 },
          { protocol: 'TCP', port: 53 },
        ],
      ]);
    },
  );

  it('give no container a right that it does not need', () => {
    for (const { template } of [concentrators, balancers]) {
      expect(template.spec.securityContext).toMatchObject({ runAsNonRoot: true });
      expect(template.spec.automountServiceAccountToken).toBe(false);
      for (const { securityContext, resources } of [
        ...template.spec.containers,
        ...(template.spec.initContainers ?? []),
      ]) {
        expect(securityContext).toEqual({
          ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
          capabilities: { drop: ['ALL'] },
        });
        expect(resources.limits.memory).toBeDefined();
      }
    }
  });

  it('leave time to drain, and have a server of the balancer for each pod', () => {
    const { limits } = parse(read('files/tributary-concentrator.yaml'));
    const drain = Number.parseInt(limits.drainTimeout, 10);
    expect(concentrators.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(drain);
    const { maxReplicas } = named(AUTOSCALER, 'concentrator').spec;
    const servers = [...read('files/haproxy.cfg').matchAll(/^ {2}server (\S+) (\S+):8443$/gm)];
    const pods = Array.from({ length: maxReplicas }, (_, i) => `concentrator-${i}`);
    expect(servers.map(([, name]) => name)).toEqual(pods);
    const domain = `${concentrators.serviceName}.${kustomization.namespace}.svc.cluster.local`;
    expect(servers.map(([, , place]) => place)).toEqual(pods.map((pod) => `${pod}.${domain}`));
  });

  it('scale by metrics that there are; by those that need an adapter where a component is asked for', async () => {
    const names = ({ spec }: Manifest): readonly string[] =>
      spec.metrics.map(
        ({ type, pods }: { type: string; pods?: { metric: { name: string } } }) => pods?.metric.name ?? type,
      );
    // A metric that cannot be had would keep the autoscaler from taking pods away.
    expect(names(named(AUTOSCALER, 'concentrator'))).toEqual(['Resource']);
    const patched = withSessions();
    expect(unknownKeys(patched)).toEqual([]);
    expect(names(patched)).toEqual(['Resource', 'tributary_sessions']);
    expect(await projectFile('docs/observability.md')).toContain('`tributary_sessions`');
    const offered = /^# components:\n((?:# {3}- .+\n)+)/m.exec(read('kustomization.yaml'))![1]!;
    const components = [...offered.matchAll(/- (.+)/g)].map(([, name]) => name!);
    expect(components).toEqual(['monitoring', 'sessions']);
    for (const name of components) expect(parse(read(`${name}/kustomization.yaml`)).kind).toBe('Component');
  });

  it('have a configuration that the concentrator takes, with a name for each', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-kubernetes-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const { certificate, key } = await generateCertificate(new Date());
    await writeFile(join(folder, 'certificate.pem'), certificate);
    await writeFile(join(folder, 'key.pem'), key);
    await ClientsFile.empty(join(folder, 'clients.yaml')).write({ overwrite: false });
    const secret = concentrators.template.spec.containers[0].volumeMounts.find(
      ({ name }: { name: string }) => name === 'secret',
    ).mountPath;
    // As the container of initContainers writes it.
    const text = read('files/tributary-concentrator.yaml')
      .replaceAll(`${secret}/`, `${folder}/`)
      .replaceAll('POD_NAME', 'concentrator-2');
    await writeFile(join(folder, 'tributary-concentrator.yaml'), text);
    const config = await loadConcentratorConfig(join(folder, 'tributary-concentrator.yaml'));
    expect(config.joinName).toBe('concentrator-2.proxy.example.org');
  });
});
