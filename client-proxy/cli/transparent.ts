import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { formatDestination } from '../../shared/protocol/destination.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import type { ClientConfig } from '../config/client-config.ts';
import { PacketFilterError } from '../transparent/packet-filter.ts';
import { policyRouting } from '../transparent/policy-routing.ts';
import { NO_RULES, PRIVATE_NETWORKS, redirectRules } from '../transparent/redirect-rules.ts';
import type { RedirectSystem } from '../transparent/redirect-system.ts';
import { listenerFor, type Redirection } from '../transparent/redirection.ts';
import { familiesOf } from '../transparent/tproxy-chains.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';

/** The options of `transparent`, as they were written. */
export interface TransparentArguments {
  readonly print?: true;
  readonly apply?: true;
  readonly remove?: true;
  readonly lan?: readonly string[];
  readonly local?: true;
  readonly user?: string;
  readonly except?: readonly string[];
  readonly private?: true;
  readonly refuseQuic?: true;
  readonly tproxy?: true;
  readonly udp?: true;
}

/**
 * Prints the rules that lead connections to the client, applies them, or takes them back. Throws UsageError for options that make
 * no sense, and PacketFilterError.
 *
 * @param load reads the configuration; not needed to take them back, so that a mistake in it is no obstacle
 */
export async function transparent(
  load: () => Promise<ClientConfig>,
  options: TransparentArguments,
  { redirectSystem, stdout, stderr }: ClientCliDeps,
): Promise<void> {
  const { print, apply, remove } = options;
  if ([print, apply, remove].filter((chosen) => chosen === true).length !== 1) {
    throw new UsageError('transparent: give one of --print, --apply and --remove');
  }
  const system = await redirectSystem();
  if (remove) {
    try {
      await system.changePacketFilter(NO_RULES);
    } finally {
      // Whatever became of the rules.
      await system.setPolicyRouting([]);
    }
    stdout('the rules are removed\n');
    return;
  }
  const { redirection, notes } = await redirectionOf(await load(), options, system);
  const script = redirectRules(redirection);
  for (const note of notes) stderr(`note: ${note}\n`);
  const families = redirection.usesTproxy ? familiesOf(redirection.listen) : [];
  if (print) {
    stdout(script);
    stdout(routingText(families));
    return;
  }
  await system.changePacketFilter(script);
  try {
    await system.setPolicyRouting(families);
  } catch (error) {
    // Connections that are led half way are led nowhere.
    if (error instanceof PacketFilterError) await system.changePacketFilter(NO_RULES);
    throw error;
  }
  stdout(`redirected to ${redirection.listen.map(formatDestination).join(', ')}: ${describe(redirection)}\n`);
}

/** Behind the rules, as comments: `nft` does not do it. */
function routingText(families: readonly (4 | 6)[]): string {
  if (families.length === 0) return '';
  const lines = policyRouting(families).map((args) => `#   ip ${args.join(' ')}\n`);
  return `# TPROXY needs these commands beside the rules; --apply runs them, too:\n${lines.join('')}`;
}

interface Decided {
  readonly redirection: Redirection;
  /** What somebody might not expect. */
  readonly notes: readonly string[];
}

async function redirectionOf(
  { transparent: settings, concentrators, datagrams }: ClientConfig,
  options: TransparentArguments,
  system: RedirectSystem,
): Promise<Decided> {
  if (settings === undefined) {
    throw new UsageError(
      'the configuration has no transparent.listen: add "transparent: {listen: ["0.0.0.0:12345", "[::]:12345"]}" and restart the client',
    );
  }
  const { listen } = settings;
  const { lan = [], local, except = [], refuseQuic, tproxy, udp } = options;
  if (udp) checkUdp(options, settings.udp && datagrams);
  checkInterfaces(lan);
  checkNetworks(except);
  if (lan.length === 0 && local !== true) {
    throw new UsageError(
      'transparent: give --lan INTERFACE for a network behind this machine, --local for this machine, or both',
    );
  }
  const notes: string[] = [];
  for (const origin of [
    ...(lan.length > 0 ? (['lan'] as const) : []),
    ...(local ? (['local'] as const) : []),
  ]) {
    const reached = tproxy ? 'local' : origin;
    const missing = ([4, 6] as const).filter((family) => listenerFor(listen, family, reached) === undefined);
    if (missing.length === 2) {
      throw new UsageError(
        '--lan: transparent.listen has loopback addresses alone, where nothing from another machine can be led',
      );
    }
    if (missing.length > 0)
      notes.push(
        `--${origin}: IPv${missing[0]} goes its usual way, since transparent.listen has no address for it`,
      );
  }
  const usualWay = [...(options.private ? [] : PRIVATE_NETWORKS), ...except];
  for (const { host } of concentrators.flatMap(({ concentrator }) => concentrator.addresses)) {
    const addresses = isIP(host) === 0 ? await system.addressesOf(host) : [host];
    if (addresses.length === 0)
      notes.push(`connections to ${host} may be redirected, since its addresses are not known now`);
    usualWay.push(...addresses);
  }
  const base = {
    listen,
    lan,
    usualWay,
    refusesQuic: refuseQuic === true,
    usesTproxy: tproxy === true,
    leadsUdp: udp === true,
  };
  if (local !== true) return { redirection: base, notes };
  const exceptUserId = await ownUser(listen, options.user, system);
  if (exceptUserId === 0) {
    notes.push(
      "--local: the client runs as root, so connections of root's programs go their usual way; run it as a user of its own",
    );
  }
  return { redirection: { ...base, local: { exceptUserId } }, notes };
}

/** Whose connections are the client's own, and must not be led back to it. */
async function ownUser(
  listen: Redirection['listen'],
  user: string | undefined,
  system: RedirectSystem,
): Promise<number> {
  if (user !== undefined) {
    const id = /^\d{1,10}$/.test(user) ? Number(user) : await system.userId(user);
    if (id === undefined) throw new UsageError('--user: there is no user of this name');
    return id;
  }
  const id = await system.listeningUser(listen);
  if (id !== undefined) return id;
  throw new UsageError(
    `--local: no program, or programs of several users, listen at ${listen.map(formatDestination).join(', ')}, so it is not known ` +
      "which connections are the client's own: start the client first, or give --user",
  );
}

/** @param isTaken whether the client takes UDP at all */
function checkUdp({ tproxy, refuseQuic }: TransparentArguments, isTaken: boolean): void {
  if (!tproxy) throw new UsageError('--udp: only TPROXY leads UDP to the client: add --tproxy');
  if (refuseQuic) {
    throw new UsageError('--udp: QUIC is carried then, and cannot be refused: take out --refuse-quic');
  }
  if (!isTaken) throw new UsageError('--udp: the configuration has transparent.udp, or datagrams, false');
}

/** As the kernel has names, and nothing that means something else in a script. */
function checkInterfaces(names: readonly string[]): void {
  for (const name of names) {
    if (!/^[\w.:@-]{1,15}$/.test(name))
      throw new UsageError('--lan: expected names of interfaces, for example "br0"');
  }
}

function checkNetworks(networks: readonly string[]): void {
  for (const network of networks) {
    if (isIP(network) !== 0 || ipaddr.isValidCIDR(network)) continue;
    throw new UsageError('--except: expected addresses or networks, for example "192.0.2.0/24"');
  }
}

function describe({ lan, local, leadsUdp }: Redirection): string {
  const what = leadsUdp ? 'TCP and UDP' : 'TCP';
  const parts = lan.length > 0 ? [`${what} from ${lan.join(', ')}`] : [];
  if (local !== undefined) parts.push(`${what} of this machine, except of user ${local.exceptUserId}`);
  return parts.join('; ');
}
