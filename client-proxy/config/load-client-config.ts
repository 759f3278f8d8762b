import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { ConfigError } from '../../shared/runtime/config/config-error.ts';
import { deepFreeze } from '../../shared/runtime/config/freeze.ts';
import { parseConfig } from '../../shared/runtime/config/parse-config.ts';
import { MAX_CONFIG_BYTES, YamlSource } from '../../shared/runtime/config/yaml-source.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { CLIENT_KEY_FORMAT, parseClientKey } from '../../shared/runtime/identity/client-key.ts';
import type { ClientConfig } from './client-config.ts';
import { clientSchema } from './client-schema.ts';

/** Reads and checks the client's configuration. Throws ConfigError with every mistake in it. */
export async function loadClientConfig(file: string): Promise<ClientConfig> {
  const read = await readTextFile(file, MAX_CONFIG_BYTES);
  if ('problem' in read)
    throw new ConfigError([{ file, line: 1, column: 1, path: '', message: read.problem }]);
  const source = new YamlSource(read.text, file);
  const parsed = parseConfig(source, clientSchema);
  const { keyFile } = parsed.client;
  const key = parsed.client.key ?? (await readKeyFile(keyFile ?? '', source));
  return deepFreeze({
    ...toConfig(parsed, key, file),
    ...(keyFile === undefined ? {} : { keyFile: resolve(dirname(file), keyFile) }),
    ...(parsed.stateDir === undefined ? {} : { stateDirectory: resolve(dirname(file), parsed.stateDir) }),
  });
}

/** Enough for a key, a comment line's worth of blanks and a line end. */
const MAX_KEY_FILE_BYTES = 1024;

async function readKeyFile(keyFile: string, source: YamlSource): Promise<Uint8Array> {
  if (parseClientKey(keyFile) !== undefined) {
    const message = 'expected the name of a file; this is a key itself, and belongs under client.key';
    throw new ConfigError([source.problem(['client', 'keyFile'], message)]);
  }
  const read = await readTextFile(resolve(dirname(source.file), keyFile), MAX_KEY_FILE_BYTES);
  const key = 'text' in read ? parseClientKey(read.text.trim()) : undefined;
  if (key) return key;
  const message =
    'problem' in read ? read.problem : `expected the file to hold ${CLIENT_KEY_FORMAT} and nothing else`;
  throw new ConfigError([source.problem(['client', 'keyFile'], message)]);
}

function toConfig(parsed: z.output<typeof clientSchema>, key: Uint8Array, file: string): ClientConfig {
  const { concentrator, client, socks, dial } = parsed;
  return {
    file,
    concentrator: {
      addresses: concentrator.addresses,
      pins: concentrator.pin,
      ...(concentrator.serverName === undefined ? {} : { serverName: concentrator.serverName }),
    },
    client: { id: client.id, key },
    socks: {
      listen: socks.listen,
      users: socks.users,
      allow: socks.allow,
      optimisticReply: socks.optimisticReply,
      negotiationTimeoutMs: socks.negotiationTimeout,
      maxConnections: socks.maxConnections,
    },
    ...(parsed.transparent === undefined ? {} : { transparent: parsed.transparent }),
    uplinks: parsed.uplinks.list,
    ...(parsed.uplinks.auto === undefined ? {} : { autoUplinks: parsed.uplinks.auto }),
    subflowsPerPath: parsed.subflowsPerPath,
    steering: parsed.steering,
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
