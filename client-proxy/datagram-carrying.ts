import { formatDestination } from '../shared/protocol/destination.ts';
import type { PacketTable } from '../shared/runtime/datagram/packet-table.ts';
import { LineLimit } from '../shared/runtime/observe/line-limit.ts';
import type { ProcessWatch } from '../shared/runtime/observe/process-watch.ts';
import type { ProgramDeps } from '../shared/runtime/process/process-deps.ts';
import { errorWords } from '../shared/runtime/text/error-words.ts';
import { UdpSockets } from '../shared/runtime/udp/udp-sockets.ts';
import type { ClientCounts } from './client-counts.ts';
import type { Concentrators } from './concentrators/concentrators.ts';
import type { ClientConfig } from './config/client-config.ts';
import type { DatagramPathsOptions } from './datagram/datagram-paths.ts';
import { DatagramRelay } from './datagram/datagram-relay.ts';
import { DirectPorts } from './datagram/direct-ports.ts';
import { makeDatagramPaths } from './datagram/make-datagram-paths.ts';
import { openUplinkUdp } from './datagram/uplink-udp-socket.ts';
import type { Direct } from './direct-connecting.ts';
import type { UplinkSet } from './discovery/uplink-set.ts';
import type { WireTable } from './metering/wire-table.ts';
import { AssociateOpener } from './socks5/associate-opening.ts';
import { directFailureWords } from './steering/direct-failure-words.ts';
import type { Steering } from './steering/steering.ts';
import type { AttachmentFinder } from './uplink/uplink-device.ts';
import { UplinkError } from './uplink/uplink-error.ts';

/** Datagrams of applications, and how they are asked for. */
export interface Datagrams {
  readonly relay: DatagramRelay;
  readonly associates: AssociateOpener;
  readonly sockets: UdpSockets;
  /** Of sessions; undefined where there are to be none. */
  readonly paths: DatagramPathsOptions | undefined;
}

/** Makes the parts that carry datagrams of applications. */
export function makeDatagrams(
  { mode, datagrams, socks }: Pick<ClientConfig, 'mode' | 'datagrams' | 'socks'>,
  deps: Pick<ProgramDeps, 'clock' | 'random' | 'logger' | 'native'>,
  parts: {
    readonly counts: ClientCounts;
    readonly wires: WireTable;
    readonly packetTable: PacketTable;
    readonly uplinks: UplinkSet;
    readonly direct: Direct;
    readonly watch: Pick<ProcessWatch, 'hasDescriptor'>;
    /** Made later. */
    steering(): Pick<Steering, 'decideDatagram' | 'config' | 'isDirect'>;
    /** Made later. */
    concentrators(): Pick<Concentrators, 'sessions' | 'namesOfSessions' | 'onFlow'>;
    isOpenTo(address: string): boolean;
  },
): Datagrams {
  const { counts, wires, uplinks, direct, watch, steering, isOpenTo } = parts;
  const { clock } = deps;
  const logger = new LineLimit(clock).over(deps.logger);
  const { native } = deps.native;
  const sockets = new UdpSockets(native);
  const attachment: AttachmentFinder = (binding, host) => uplinks.attachment(binding, host);
  const relay = new DatagramRelay({
    decide: (subject) => steering().decideDatagram(subject),
    sessions: (concentrator) => parts.concentrators().sessions(concentrator),
    concentratorOf: (session) => parts.concentrators().namesOfSessions.get(session),
    onOpened: (session) => parts.concentrators().onFlow(session),
    makeDirect: (onDatagram) =>
      new DirectPorts(
        {
          candidates: (host, policy, inUse) =>
            direct.balance.begin(host, policy, inUse).map(({ name }) => name),
          standingOf: (uplinkName, policy) => direct.balance.standingOf(uplinkName, policy),
          resolve: (uplinkName, host, signal, reach) =>
            direct.dialer.resolve(uplinkName, { wants: 'addresses', of: host }, signal, reach),
          openSocket: (uplinkName, family, handlers) => {
            const uplink = uplinks.uplinks.find(({ name }) => name === uplinkName);
            if (uplink === undefined)
              throw new UplinkError(uplinkName, 'networkFailure', 'it is not there now');
            return openUplinkUdp(uplink, { sockets, native, attachment, family, handlers });
          },
          onOpened: (uplinkName, port) => direct.connections.add(uplinkName, port),
          traffic: (uplinkName) => direct.flows.begin(uplinkName),
          wireOf: (uplinkName) => wires.of(uplinkName),
          onFailed: (route, destination, error) => {
            const uplink = route.kind === 'direct' ? route.uplink : 'any';
            const reason = directFailureWords(error, destination);
            logger.warn({ uplink, reason }, 'datagrams cannot go directly: they are dropped until they can');
            const details = { uplink, destination: formatDestination(destination) };
            logger.debug({ ...details, reason: errorWords(error) }, 'datagrams cannot go directly');
          },
          counts: counts.datagrams,
          clock,
        },
        onDatagram,
      ),
    onUnsupported: () => associates.review(),
    counts: counts.datagrams,
    clock,
    logger,
  });
  const associates: AssociateOpener = new AssociateOpener({
    whyNot: () => {
      const canCarry =
        mode === 'direct' || !relay.isUnsupported || steering().isDirect || leadsPast(steering().config);
      return datagrams && socks.udp && canCarry ? undefined : 'unsupportedMessage';
    },
    relay,
    isOpenTo,
    hasDescriptor: () => watch.hasDescriptor('stream'),
    openSocket: (options) => sockets.open(options),
    counts: counts.datagrams,
    onResult: (result) => counts.associates.add(result),
    logger,
  });
  const paths = datagrams ? makeDatagramPaths(deps, { ...parts, sockets }) : undefined;
  return { relay, associates, sockets, paths };
}

/** Whether any rule has datagrams go past the concentrator. */
function leadsPast({ rules }: Steering['config']): boolean {
  return rules.some(({ action, protocol }) => action.kind === 'direct' && protocol !== 'tcp');
}
