import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Namespace } from '../../bed/namespace.ts';

/** What programs that start in the namespace from now on see as /etc/resolv.conf (ip-netns(8)). */
export async function setNameServers(namespace: Namespace, servers: readonly string[]): Promise<void> {
  const folder = `/etc/netns/${namespace.name}`;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'resolv.conf'), servers.map((server) => `nameserver ${server}\n`).join(''));
}

/** They see that of the machine again. */
export async function resetNameServers(namespace: Namespace): Promise<void> {
  await rm(`/etc/netns/${namespace.name}`, { recursive: true, force: true });
}

/** A folder with a `resolvectl` that knows the name servers of links. @returns a PATH that begins with it, and its end */
export async function fakeResolvectl(
  serversOf: Readonly<Record<string, string>>,
): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'resolvectl-'));
  const links = Object.entries(serversOf).map(
    ([device, servers]) => `"dns ${device}") echo "Link 7 (${device}): ${servers}";;`,
  );
  const file = join(folder, 'resolvectl');
  await writeFile(file, `#!/bin/sh\ncase "$*" in\n${links.join('\n')}\n*) exit 1;;\nesac\n`);
  await chmod(file, 0o755);
  return {
    path: `${folder}${delimiter}${process.env.PATH}`,
    remove: () => rm(folder, { recursive: true }),
  };
}
