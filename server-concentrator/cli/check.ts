import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { formatByteSize } from '../../shared/runtime/config/byte-size.ts';
import type { CommandLineDeps } from '../../shared/runtime/config/command-line.ts';
import { formatPortRange } from '../../shared/runtime/config/ranges.ts';
import { secretFileProblems } from '../../shared/runtime/config/secret-files.ts';
import { readingService } from '../../shared/runtime/config/service-group.ts';
import { tuningWarning } from '../../shared/runtime/config/tuning.ts';
import { readCertificate } from '../../shared/runtime/identity/certificate.ts';
import { heapOption, heapShortage } from '../../shared/runtime/process/heap-limit.ts';
import { lacksPublicAddress, PUBLIC_ADDRESS_HINT } from '../addresses/own-addresses.ts';
import { clientSecrets } from '../config/client-secrets.ts';
import type { ConcentratorConfig, ConcentratorLimits, ListenAddress } from '../config/concentrator-config.ts';
import { databasePlace } from '../config/database-schema.ts';
import { datagramPorts } from '../config/datagram-ports.ts';
import { type EgressRule, formatEgressRule } from '../config/egress-rule.ts';
import { memoryMaxBytes } from '../session/memory-levels.ts';
import { workerConfig } from '../workers/worker-config.ts';
import { processCount, workerCount } from '../workers/worker-count.ts';
import { CONCENTRATOR_SERVICE } from './command-defaults.ts';

export interface CheckDeps extends CommandLineDeps {
  /** The addresses that lead to this machine; see `OwnAddresses`. */
  readonly ownAddresses: (publicAddresses: readonly Destination[]) => Promise<readonly string[]>;
}

/** Says what the concentrator would do with this configuration. */
export async function check(config: ConcentratorConfig, deps: CheckDeps): Promise<void> {
  const { listen, egress, limits, metrics } = config;
  const workers = workerCount(config.workers);
  const processes = processCount(config.workers);
  const certificate = readCertificate(config.tls.certificate);
  const next = config.nextCertificate === undefined ? undefined : readCertificate(config.nextCertificate);
  const lines = [
    `${config.file} is valid`,
    `listens at    ${listen.map(listenText).join(', ')}`,
    `public        ${config.public.map(formatDestination).join(', ') || 'none'}`,
    `announces     ${announceText(config)}`,
    `certificate   ${certificate?.pin.text}, expires ${certificate?.expires.toISOString().slice(0, 10)}`,
    ...(next === undefined
      ? []
      : [`prepared      ${next.pin.text}: in new links, shown after "certificate switch"`]),
    `clients       ${clientsText(config)}`,
    ...config.clients.flatMap(({ id, publish = [] }) =>
      publish.length === 0 ? [] : [`  may publish ${id}: ${publish.map(formatPortRange).join(', ')}`],
    ),
    'egress        public addresses are allowed, private and other special ones refused',
    `  but allows  ${rulesText(egress.allow)}`,
    `  but denies  ${rulesText(egress.deny)}`,
    `UDP           ${datagramText(config)}`,
    ...limitLines(limits),
    ...workerLines(config),
    `memory needs  ${workers > 1 ? '' : `NODE_OPTIONS=${heapOption(limits.memoryTotalBytes)}; `}under systemd ` +
      `MemoryMax=${formatByteSize(memoryMaxBytes(limits.memoryTotalBytes, processes)).replace(/iB$/, '')} or more`,
    `metrics       ${metrics ? formatDestination(metrics.listen) : 'off'}`,
  ];
  deps.stdout(`${lines.join('\n')}\n`);

  const warn = (line: string) => deps.stderr(`warning: ${line}\n`);
  // Workers get theirs.
  const smallHeap = workers > 1 ? undefined : heapShortage(limits.memoryTotalBytes);
  if (smallHeap !== undefined) warn(smallHeap);
  const tuned = tuningWarning(config.tuning);
  if (tuned !== undefined) warn(tuned);
  const service = await readingService(CONCENTRATOR_SERVICE, config.file, deps);
  const secrets = new Map([[config.tlsKeyFile, 'keys'], ...clientSecrets(config)]);
  for (const { problem, remedy } of await secretFileProblems(secrets, service)) warn(`${problem}: ${remedy}`);
  if (config.nextCertificateProblem !== undefined) {
    warn(
      `what is prepared cannot be changed to: ${config.nextCertificateProblem}. Prepare another one: ` +
        'tributary-concentrator certificate prepare --force',
    );
  }
  if (config.clientsDatabase === undefined && config.clients.length === 0)
    warn('nobody may connect: tributary-concentrator client add NAME');
  if (config.public.length === 0)
    warn('"client add" needs to know where clients connect: add "public: [HOST:PORT]"');
  if (lacksPublicAddress(await deps.ownAddresses(config.public))) warn(PUBLIC_ADDRESS_HINT);
  // Clients trust the pin alone, so this stops no one of ours; other programs on the way may care.
  if (certificate && certificate.expires < deps.now()) warn('the certificate has expired');
}

/** Where there are several processes: how many, and by which names JOINs find them. */
function workerLines(config: ConcentratorConfig): readonly string[] {
  const count = workerCount(config.workers);
  if (count === 1) return config.joinName === undefined ? [] : [`join name     ${config.joinName}`];
  const { joinName } = workerConfig(config, 0, count);
  return [`workers       ${count} processes, and a first one that accepts; join names ${joinName} and so on`];
}

/** Those of the whole process, of one client, and of one of its sessions. */
function limitLines(limits: ConcentratorLimits): readonly string[] {
  const { memoryTotalBytes, memoryPerClientBytes, memoryPerSessionBytes } = limits;
  return [
    `limits        ${limits.sessions} sessions, memory ${formatByteSize(memoryTotalBytes)}, ` +
      `${limits.handshakesPerSecond} TLS handshakes a second`,
    `  per client  ${limits.sessionsPerClient} sessions, memory ${formatByteSize(memoryPerClientBytes)}, ` +
      `${limits.opensPerSecond} opens a second, ${limits.dialsPerClient} dials and ${limits.namesPerClient} names ` +
      `at a time, ${limits.joinsPerSecond} joins a second`,
    `  per session ${limits.streamsPerSession} connections, ${limits.subflowsPerSession} subflows, ` +
      `memory ${formatByteSize(memoryPerSessionBytes)}`,
  ];
}

function datagramText(config: ConcentratorConfig): string {
  const { enabled, flowsPerClient, associationsPerClient } = config.datagrams;
  if (!enabled) return 'not carried: datagrams.enabled';
  return (
    `port ${datagramPorts(config).join(', ')}; a client may have ${flowsPerClient} flows and ` +
    `${associationsPerClient} associations`
  );
}

function listenText(address: ListenAddress): string {
  return `${formatDestination(address)}${address.required ? '' : ' (where the machine has IPv6)'}`;
}

function announceText({ announce: { addresses, joinHere } }: ConcentratorConfig): string {
  const text =
    addresses === 'auto'
      ? 'the public addresses of this machine'
      : addresses.map(formatDestination).join(', ') || 'nothing';
  return joinHere ? text : `${text}; further subflows there alone`;
}

function clientsText({ clients, clientsFile, clientsDatabase }: ConcentratorConfig): string {
  if (clientsDatabase !== undefined) return `in ${databasePlace(clientsDatabase)}`;
  const changing = clients.filter(({ oldKey }) => oldKey !== undefined).map(({ id }) => id);
  const text = `${clients.length}, in ${clientsFile}`;
  return changing.length === 0 ? text : `${text}; with two keys: ${changing.join(', ')}`;
}

function rulesText(rules: readonly EgressRule[]): string {
  return rules.length === 0 ? 'nothing more' : rules.map(formatEgressRule).join(', ');
}
