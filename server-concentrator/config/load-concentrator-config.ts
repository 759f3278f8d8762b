import { dirname, join, parse as parsePath, resolve } from 'node:path';
import type * as z from 'zod';
import { ConfigError } from '../../shared/runtime/config/config-error.ts';
import { deepFreeze } from '../../shared/runtime/config/freeze.ts';
import { parseConfig } from '../../shared/runtime/config/parse-config.ts';
import { readConfigText } from '../../shared/runtime/config/read-config-text.ts';
import { MAX_CONFIG_BYTES, YamlSource } from '../../shared/runtime/config/yaml-source.ts';
import { readTextFile, type TextRead } from '../../shared/runtime/files/read-file.ts';
import {
  belongsTogether,
  readCertificate,
  type TlsIdentity,
} from '../../shared/runtime/identity/certificate.ts';
import type { ListedClient } from './client-schema.ts';
import { ClientsFile } from './clients-file.ts';
import type { ClientEntry, ConcentratorConfig, ListenAddress } from './concentrator-config.ts';
import { concentratorSchema } from './concentrator-schema.ts';
import { defaultTls, passwordIn } from './database-schema.ts';

/**
 * Reads and checks the concentrator's configuration, with the certificate, key and clients files that it names.
 * Throws ConfigError with every mistake in them.
 */
export async function loadConcentratorConfig(file: string): Promise<ConcentratorConfig> {
  const source = new YamlSource(await readConfigText(file), file);
  const parsed = parseConfig(source, concentratorSchema);
  const clientsFile = typeof parsed.clients === 'string' ? resolve(dirname(file), parsed.clients) : undefined;
  const tlsCertificateFile = resolve(dirname(file), parsed.tls.certificate);
  const tlsKeyFile = resolve(dirname(file), parsed.tls.key);
  const [tls, clients] = await Promise.allSettled([
    readTls(parsed.tls, source),
    readClients(parsed.clients, clientsFile, source),
  ]);
  if (tls.status === 'rejected' || clients.status === 'rejected') throw joined([tls, clients]);
  const { identity, next, nextProblem } = tls.value;
  return deepFreeze({
    ...toConfig(parsed),
    ...(parsed.stateDir === undefined ? {} : { stateDirectory: resolve(dirname(file), parsed.stateDir) }),
    file,
    tls: identity,
    tlsCertificateFile,
    tlsKeyFile,
    ...(next === undefined ? {} : { nextCertificate: next }),
    ...(nextProblem === undefined ? {} : { nextCertificateProblem: nextProblem }),
    ...clients.value,
  });
}

/** What the file or the database of clients comes from; of a database, without asking it. */
async function readClients(
  place: z.output<typeof concentratorSchema>['clients'],
  clientsFile: string | undefined,
  source: YamlSource,
): Promise<Pick<ConcentratorConfig, 'clientsFile' | 'clientsDatabase' | 'clients'>> {
  if (typeof place === 'string' || clientsFile !== undefined) {
    const { clients } = await ClientsFile.load(clientsFile!);
    return { clientsFile: clientsFile!, clients: clients.map(withoutDates) };
  }
  const { database, passwordFile, ca: caFile, tls = defaultTls(database) } = place;
  const read = async (key: string, name: string) => {
    const found = await readTextFile(resolve(dirname(source.file), name), MAX_CONFIG_BYTES);
    if ('text' in found) return found.text;
    throw new ConfigError([source.problem(['clients', key], found.problem)]);
  };
  const password =
    passwordFile === undefined ? database.password : passwordIn(await read('passwordFile', passwordFile));
  const ca = caFile === undefined ? undefined : await read('ca', caFile);
  const clientsDatabase = {
    ...database,
    tls,
    ...(password === undefined ? {} : { password }),
    ...(passwordFile === undefined ? {} : { passwordFile: resolve(dirname(source.file), passwordFile) }),
    ...(ca === undefined ? {} : { ca }),
  };
  return { clientsDatabase, clients: [] };
}

/** Dates are for people: what is written of them changes nothing. */
function withoutDates({ created: _, rotated: __, ...client }: ListedClient): ClientEntry {
  return client;
}

/** The port of the default listening addresses, and of `--public` without one. */
export const DEFAULT_PORT = 8443;

const DEFAULT_LISTEN: readonly ListenAddress[] = [
  { host: '0.0.0.0', port: DEFAULT_PORT, required: true },
  { host: '::', port: DEFAULT_PORT, required: false },
];

/** Where a certificate or key is kept until the concentrator changes to it: `key.next.pem` beside `key.pem`. */
export function nextFile(file: string): string {
  const { dir, name, ext } = parsePath(file);
  return join(dir, `${name}.next${ext}`);
}

interface Prepared {
  /** The certificate that is prepared beside the current one. */
  readonly next?: string;
  /** Why the concentrator could not change to what stands there. */
  readonly nextProblem?: string;
}

interface ReadTls extends Prepared {
  readonly identity: TlsIdentity;
}

/** Who changes the files does so one after the other, and some write them in place: what does not fit together is read so often, */
const READ_TRIES = 10;
/** so long after each other. */
const READ_PAUSE_MS = 50;

async function readTls(names: { certificate: string; key: string }, source: YamlSource): Promise<ReadTls> {
  for (let tries = 1; ; tries++) {
    const files = await readTlsFiles(names, source);
    const { certificate, key, nextKey } = files;
    if ('problem' in certificate || 'problem' in key) {
      const problems = Object.entries({ certificate, key }).flatMap(([name, read]) =>
        'problem' in read ? [source.problem(['tls', name], read.problem)] : [],
      );
      throw new ConfigError(problems);
    }
    const identity = { certificate: certificate.text, key: key.text };
    const misfit = misfitOf(identity, names);
    if (misfit === undefined) return { identity, ...preparedBeside(identity.certificate, files, names) };
    // In the middle of a change: the certificate is in its place, and its key is not yet.
    const changing = 'text' in nextKey ? { certificate: certificate.text, key: nextKey.text } : undefined;
    if (changing !== undefined && belongsTogether(changing)) return { identity: changing };
    if (tries === READ_TRIES) throw new ConfigError([source.problem(['tls', misfit.key], misfit.message)]);
    await new Promise((resolve) => setTimeout(resolve, READ_PAUSE_MS));
  }
}

/** Why the two cannot be used: one of them may be half written just now. */
function misfitOf(
  identity: TlsIdentity,
  names: { certificate: string; key: string },
): { key: 'certificate' | 'key'; message: string } | undefined {
  if (!readCertificate(identity.certificate)) {
    return { key: 'certificate', message: `${names.certificate} holds no PEM certificate` };
  }
  switch (belongsTogether(identity)) {
    case true:
      return undefined;
    case undefined:
      return { key: 'key', message: `${names.key} holds no PEM private key (without a passphrase)` };
    case false:
      return { key: 'key', message: `${names.key} is not the key of ${names.certificate}` };
  }
}

type TlsFiles = Record<'certificate' | 'key' | 'nextCertificate' | 'nextKey', TextRead>;

async function readTlsFiles(
  { certificate, key }: { certificate: string; key: string },
  source: YamlSource,
): Promise<TlsFiles> {
  const read = (file: string) => readTextFile(resolve(dirname(source.file), file), MAX_CONFIG_BYTES);
  const all = [certificate, key, nextFile(certificate), nextFile(key)].map(read);
  const texts = await Promise.all(all);
  return { certificate: texts[0]!, key: texts[1]!, nextCertificate: texts[2]!, nextKey: texts[3]! };
}

/** What is there is shown in links if it is a certificate. Damage changes nothing of what is shown now. */
function preparedBeside(
  current: string,
  { nextCertificate: certificate, nextKey: key }: TlsFiles,
  names: { certificate: string; key: string },
): Prepared {
  if ('problem' in certificate) return certificate.isAbsent ? {} : { nextProblem: certificate.problem };
  const next = certificate.text;
  if (next === current) return {};
  const name = nextFile(names.certificate);
  if (readCertificate(next) === undefined) return { nextProblem: `${name} holds no PEM certificate` };
  if ('problem' in key) return { next, nextProblem: key.problem };
  const fits = belongsTogether({ certificate: next, key: key.text });
  return fits ? { next } : { next, nextProblem: `${nextFile(names.key)} is not the key of ${name}` };
}

function joined(results: readonly PromiseSettledResult<unknown>[]): unknown {
  const errors = results.flatMap((result): unknown[] =>
    result.status === 'rejected' ? [result.reason] : [],
  );
  const other = errors.find((error) => !(error instanceof ConfigError));
  return other ?? new ConfigError((errors as ConfigError[]).flatMap(({ problems }) => problems));
}

/** The part of all memory that one client may take by default. */
const CLIENT_PART = 1 / 4;

function toConfig(parsed: z.output<typeof concentratorSchema>) {
  const { egress, datagrams, limits } = parsed;
  return {
    listen:
      parsed.listen?.map((address): ListenAddress => ({ ...address, required: true })) ?? DEFAULT_LISTEN,
    public: parsed.public,
    ...(parsed.joinName === undefined ? {} : { joinName: parsed.joinName }),
    announce: parsed.announce,
    balancers: parsed.balancers,
    egress: {
      allow: egress.allow,
      deny: egress.deny,
      connectTimeoutMs: egress.connectTimeout,
      resolveTimeoutMs: egress.resolveTimeout,
    },
    datagrams: {
      enabled: datagrams.enabled,
      ...(datagrams.port === undefined ? {} : { port: datagrams.port }),
      flowsPerClient: datagrams.flowsPerClient,
      associationsPerClient: datagrams.associationsPerClient,
      associations: datagrams.associations,
      idleTimeoutMs: datagrams.idleTimeout,
    },
    visitors: parsed.visitors,
    limits: {
      sessions: limits.sessions,
      sessionsPerClient: limits.sessionsPerClient,
      streamsPerSession: limits.streamsPerSession,
      subflowsPerSession: limits.subflowsPerSession,
      opensPerSecond: limits.opensPerSecond,
      dialsPerClient: limits.dialsPerClient,
      namesPerClient: limits.namesPerClient,
      joinsPerSecond: limits.joinsPerSecond,
      publishPerClient: limits.publishPerClient,
      bindsPerClient: limits.bindsPerClient,
      visitorsPerClient: limits.visitorsPerClient,
      visitorsPerSecond: limits.visitorsPerSecond,
      measurementBytesPerHour: limits.measurementBytesPerHour,
      memoryPerSessionBytes: limits.memoryPerSession,
      memoryPerClientBytes: limits.memoryPerClient ?? Math.floor(limits.memoryTotal * CLIENT_PART),
      memoryTotalBytes: limits.memoryTotal,
      handshakeTimeoutMs: limits.handshakeTimeout,
      handshakesPerSecond: limits.handshakesPerSecond,
      streamIdleTimeoutMs: limits.streamIdleTimeout,
      drainTimeoutMs: limits.drainTimeout,
    },
    clientMetrics: limits.clientMetrics,
    connections: {
      keepAliveMs: parsed.connections.keepAlive,
      stallTimeoutMs: parsed.connections.stallTimeout,
    },
    workers: parsed.workers,
    lingerMs: parsed.linger,
    ...(parsed.congestionControl === undefined ? {} : { congestionControl: parsed.congestionControl }),
    ...(parsed.metrics === false ? {} : { metrics: parsed.metrics }),
    tuning: parsed.tuning,
    log: parsed.log,
  };
}
