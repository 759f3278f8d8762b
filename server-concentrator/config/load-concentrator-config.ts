import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { ConfigError, type ConfigProblem } from '../../shared/runtime/config/config-error.ts';
import { deepFreeze } from '../../shared/runtime/config/freeze.ts';
import { parseConfig } from '../../shared/runtime/config/parse-config.ts';
import { MAX_CONFIG_BYTES, YamlSource } from '../../shared/runtime/config/yaml-source.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import {
  belongsTogether,
  readCertificate,
  type TlsIdentity,
} from '../../shared/runtime/identity/certificate.ts';
import { ClientsFile } from './clients-file.ts';
import type { ConcentratorConfig, ListenAddress } from './concentrator-config.ts';
import { concentratorSchema } from './concentrator-schema.ts';

/**
 * Reads and checks the concentrator's configuration, with the certificate, key and clients files that it names.
 * Throws ConfigError with every mistake in them.
 */
export async function loadConcentratorConfig(file: string): Promise<ConcentratorConfig> {
  const read = await readTextFile(file, MAX_CONFIG_BYTES);
  if ('problem' in read)
    throw new ConfigError([{ file, line: 1, column: 1, path: '', message: read.problem }]);
  const source = new YamlSource(read.text, file);
  const parsed = parseConfig(source, concentratorSchema);
  const clientsFile = resolve(dirname(file), parsed.clients);
  const tlsKeyFile = resolve(dirname(file), parsed.tls.key);
  const [tls, clients] = await Promise.allSettled([
    readTls(parsed.tls, source),
    ClientsFile.load(clientsFile),
  ]);
  if (tls.status === 'rejected' || clients.status === 'rejected') throw joined([tls, clients]);
  const listed = clients.value.clients.map(({ id, key }) => ({ id, key }));
  return deepFreeze({
    ...toConfig(parsed),
    file,
    tls: tls.value,
    tlsKeyFile,
    clientsFile,
    clients: listed,
  });
}

/** The port of the default listening addresses, and of `--public` without one. */
export const DEFAULT_PORT = 8443;

const DEFAULT_LISTEN: readonly ListenAddress[] = [
  { host: '0.0.0.0', port: DEFAULT_PORT, required: true },
  { host: '::', port: DEFAULT_PORT, required: false },
];

async function readTls(
  files: { certificate: string; key: string },
  source: YamlSource,
): Promise<TlsIdentity> {
  const read = (file: string) => readTextFile(resolve(dirname(source.file), file), MAX_CONFIG_BYTES);
  const [certificate, key] = await Promise.all([read(files.certificate), read(files.key)]);
  const problems: ConfigProblem[] = [];
  if ('problem' in certificate) problems.push(source.problem(['tls', 'certificate'], certificate.problem));
  else if (!readCertificate(certificate.text)) {
    problems.push(source.problem(['tls', 'certificate'], `${files.certificate} holds no PEM certificate`));
  }
  if ('problem' in key) problems.push(source.problem(['tls', 'key'], key.problem));
  if (problems.length === 0 && 'text' in certificate && 'text' in key) {
    const identity = { certificate: certificate.text, key: key.text };
    const fits = belongsTogether(identity);
    if (fits) return identity;
    const message =
      fits === undefined
        ? `${files.key} holds no PEM private key (without a passphrase)`
        : `${files.key} is not the key of ${files.certificate}`;
    problems.push(source.problem(['tls', 'key'], message));
  }
  throw new ConfigError(problems);
}

function joined(results: readonly PromiseSettledResult<unknown>[]): unknown {
  const errors = results.flatMap((result): unknown[] =>
    result.status === 'rejected' ? [result.reason] : [],
  );
  const other = errors.find((error) => !(error instanceof ConfigError));
  return other ?? new ConfigError((errors as ConfigError[]).flatMap(({ problems }) => problems));
}

function toConfig(parsed: z.output<typeof concentratorSchema>) {
  const { egress, limits } = parsed;
  return {
    listen:
      parsed.listen?.map((address): ListenAddress => ({ ...address, required: true })) ?? DEFAULT_LISTEN,
    public: parsed.public,
    announce: parsed.announce,
    egress: {
      allow: egress.allow,
      deny: egress.deny,
      connectTimeoutMs: egress.connectTimeout,
      resolveTimeoutMs: egress.resolveTimeout,
    },
    limits: {
      sessions: limits.sessions,
      sessionsPerClient: limits.sessionsPerClient,
      streamsPerSession: limits.streamsPerSession,
      subflowsPerSession: limits.subflowsPerSession,
      memoryPerSessionBytes: limits.memoryPerSession,
      memoryTotalBytes: limits.memoryTotal,
      handshakeTimeoutMs: limits.handshakeTimeout,
      handshakesPerSecond: limits.handshakesPerSecond,
      streamIdleTimeoutMs: limits.streamIdleTimeout,
      drainTimeoutMs: limits.drainTimeout,
    },
    lingerMs: parsed.linger,
    ...(parsed.congestionControl === undefined ? {} : { congestionControl: parsed.congestionControl }),
    ...(parsed.metrics === false ? {} : { metrics: parsed.metrics }),
    tuning: parsed.tuning,
    log: parsed.log,
  };
}
