import { createHash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import type * as z from 'zod';
import { ConfigError } from '../../shared/runtime/config/config-error.ts';
import { deepFreeze } from '../../shared/runtime/config/freeze.ts';
import { parseConfig } from '../../shared/runtime/config/parse-config.ts';
import { readConfigText } from '../../shared/runtime/config/read-config-text.ts';
import { YamlSource } from '../../shared/runtime/config/yaml-source.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { CLIENT_KEY_FORMAT, parseClientKey } from '../../shared/runtime/identity/client-key.ts';
import { type ClientConfig, type ConfiguredConcentrator, ONLY_CONCENTRATOR } from './client-config.ts';
import { clientSchema } from './client-schema.ts';
import type { ConfigEdit } from './edit/config-edit.ts';
import { withEdits } from './edit/edited-text.ts';

/** Reads and checks the client's configuration. Throws ConfigError with every mistake in it. */
export async function loadClientConfig(file: string): Promise<ClientConfig> {
  return clientConfigFrom(await readConfigText(file), file);
}

/** By it texts are compared that have keys in them. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * The configuration that a file has with this text.
 * @param edits that are held: made before it is read, and not in the file
 * @throws ConfigError with every mistake in it, ConfigEditError
 */
export async function clientConfigFrom(
  text: string,
  file: string,
  edits: readonly ConfigEdit[] = [],
): Promise<ClientConfig> {
  const source = new YamlSource(withEdits(text, file, edits), file);
  const parsed = parseConfig(source, clientSchema);
  return deepFreeze({
    ...toConfig(parsed, file),
    digest: digestOf(text),
    ...(parsed.mode === 'direct' ? withoutConcentrator(parsed) : await withConcentrators(parsed, source)),
    ...(parsed.stateDir === undefined ? {} : { stateDirectory: resolve(dirname(file), parsed.stateDir) }),
  });
}

/** What sessions need; the schema has it in this mode. */
async function withConcentrators(parsed: Parsed, source: YamlSource) {
  const { concentrators: list, concentrator: only } = parsed;
  const all = await Promise.all(
    list === undefined
      ? [concentratorFrom({ name: ONLY_CONCENTRATOR, ...only! }, parsed.client!, ['client'], source)]
      : list.map((one, index) => {
          const isOwn = one.key !== undefined || one.keyFile !== undefined;
          const secret = isOwn ? { key: one.key, keyFile: one.keyFile } : parsed.client!;
          const place = isOwn ? ['concentrators', index] : ['client'];
          return concentratorFrom(one, { ...secret, id: one.id ?? parsed.client!.id }, place, source);
        }),
  );
  const [{ concentrator, client }] = all as [ConfiguredConcentrator];
  return { concentrators: all, concentrator, client, unused: [] };
}

/** @param place in the file, of what says who this client is */
async function concentratorFrom(
  { name, addresses, pin, serverName }: NonNullable<Parsed['concentrator']> & { readonly name: string },
  { id, key, keyFile }: NonNullable<Parsed['client']>,
  place: readonly (string | number)[],
  source: YamlSource,
): Promise<ConfiguredConcentrator> {
  return {
    name,
    concentrator: { addresses, pins: pin, ...(serverName === undefined ? {} : { serverName }) },
    client: { id, key: key ?? (await readKeyFile(keyFile ?? '', [...place, 'keyFile'], source)) },
    ...(keyFile === undefined ? {} : { keyFile: resolve(dirname(source.file), keyFile) }),
  };
}

/** Sections about them may stay in the file: who tries the mode wants to go back. */
function withoutConcentrator({ concentrator, concentrators, client }: Parsed) {
  const sections = Object.entries({ concentrator, concentrators, client });
  return {
    concentrators: [],
    concentrator: { addresses: [], pins: [] },
    client: { id: '', key: new Uint8Array() },
    unused: sections.flatMap(([name, value]) => (value === undefined ? [] : [name])),
  };
}

/** Enough for a key, a comment line's worth of blanks and a line end. */
const MAX_KEY_FILE_BYTES = 1024;

async function readKeyFile(
  keyFile: string,
  place: readonly (string | number)[],
  source: YamlSource,
): Promise<Uint8Array> {
  if (parseClientKey(keyFile) !== undefined) {
    const key = [...place.slice(0, -1).filter((part) => typeof part === 'string'), 'key'].join('.');
    const message = `expected the name of a file; this is a key itself, and belongs under ${key}`;
    throw new ConfigError([source.problem(place, message)]);
  }
  const read = await readTextFile(resolve(dirname(source.file), keyFile), MAX_KEY_FILE_BYTES);
  const key = 'text' in read ? parseClientKey(read.text.trim()) : undefined;
  if (key) return key;
  const message =
    'problem' in read ? read.problem : `expected the file to hold ${CLIENT_KEY_FORMAT} and nothing else`;
  throw new ConfigError([source.problem(place, message)]);
}

type Parsed = z.output<typeof clientSchema>;

function toConfig(
  parsed: Parsed,
  file: string,
): Omit<ClientConfig, 'digest' | 'concentrators' | 'concentrator' | 'client' | 'unused'> {
  const { socks, dial } = parsed;
  return {
    file,
    mode: parsed.mode,
    socks: {
      listen: socks.listen,
      users: socks.users,
      allow: socks.allow,
      optimisticReply: socks.optimisticReply,
      bindFromAnyone: socks.bindFromAnyone,
      negotiationTimeoutMs: socks.negotiationTimeout,
      maxConnections: socks.maxConnections,
      udp: socks.udp,
    },
    datagrams: parsed.datagrams,
    ...(parsed.transparent === undefined ? {} : { transparent: parsed.transparent }),
    uplinks: parsed.uplinks.list,
    ...(parsed.uplinks.auto === undefined ? {} : { autoUplinks: parsed.uplinks.auto }),
    subflowsPerPath: parsed.subflowsPerPath,
    steering: parsed.steering,
    publish: parsed.publish,
    ...(parsed.fallback === undefined ? {} : { fallback: parsed.fallback }),
    direct: { stickyMs: parsed.direct.sticky },
    standby: parsed.standby,
    paths: parsed.paths,
    lingerMs: parsed.linger,
    dial: { timeoutMs: dial.timeout, backoffMinMs: dial.backoffMin, backoffMaxMs: dial.backoffMax },
    connections: {
      keepAliveMs: parsed.connections.keepAlive,
      stallTimeoutMs: parsed.connections.stallTimeout,
    },
    memory: { perSessionBytes: parsed.memory.perSession },
    ...(parsed.metrics === false ? {} : { metrics: parsed.metrics }),
    tuning: parsed.tuning,
    log: parsed.log,
  };
}
