import type { Component } from './component.ts';
import { VERSION } from './project.ts';
import type { Target } from './targets.ts';

/** The software bill of materials of a bundle, in CycloneDX 1.6 (JSON). The same for the same commit. */
export function billOfMaterials(
  { name }: Target,
  components: readonly Component[],
  epochSeconds: number,
): string {
  const own = `pkg:npm/tributary@${VERSION}`;
  const bill = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: new Date(epochSeconds * 1_000).toISOString(),
      component: {
        type: 'application',
        'bom-ref': own,
        name: 'tributary',
        version: VERSION,
        purl: own,
        licenses: [{ license: { id: 'Apache-2.0' } }],
        properties: [{ name: 'tributary:target', value: name }],
      },
    },
    components: components.map(componentEntry),
    dependencies: [{ ref: own, dependsOn: components.map(packageUrl) }],
  };
  return `${JSON.stringify(bill, undefined, 2)}\n`;
}

/** All licences in one text, each with the packages that it is for. */
export function licenceList(components: readonly Component[]): string {
  const byText = new Map<string, Component[]>();
  for (const component of components) {
    const same = byText.get(component.licenceText) ?? [];
    byText.set(component.licenceText, [...same, component]);
  }
  const summary = components.map((component) => `  ${title(component)}: ${component.licence}`);
  const texts = [...byText].map(([text, same]) => {
    const names = same.map(title).join('\n');
    return `${RULE}\n${names}\n\n${text}\n`;
  });
  const first = 'Tributary is under the Apache License 2.0 (LICENSE). It comes with these packages:';
  return [`${first}\n\n${summary.join('\n')}\n`, ...texts].join('\n');
}

const RULE = '-'.repeat(80);

function title({ name, version }: Component): string {
  return version === undefined ? name : `${name} ${version}`;
}

function componentEntry(component: Component): unknown {
  const { name, version, licence, integrity } = component;
  const scope = name.startsWith('@') ? name.split('/')[0] : undefined;
  const isExpression = licence.includes(' ');
  return {
    type: 'library',
    'bom-ref': packageUrl(component),
    ...(scope === undefined ? {} : { group: scope }),
    name: scope === undefined ? name : name.slice(scope.length + 1),
    ...(version === undefined ? {} : { version }),
    purl: packageUrl(component),
    licenses: [isExpression ? { expression: licence } : { license: { id: licence } }],
    ...(integrity === undefined ? {} : { hashes: [{ alg: 'SHA-512', content: hexDigest(integrity) }] }),
  };
}

function hexDigest(integrity: string): string {
  return Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex');
}

/** https://github.com/package-url/purl-spec */
function packageUrl({ name, version }: Component): string {
  const at = version === undefined ? '' : `@${version}`;
  return `pkg:npm/${name.replace('@', '%40')}${at}`;
}
