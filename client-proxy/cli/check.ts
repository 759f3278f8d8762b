import { formatDestination } from '../../shared/protocol/destination.ts';
import { isLoopback } from '../../shared/runtime/address/special-ranges.ts';
import { secretFileProblems } from '../../shared/runtime/config/secret-files.ts';
import { readingService } from '../../shared/runtime/config/service-group.ts';
import { tuningWarning } from '../../shared/runtime/config/tuning.ts';
import { aboutConcentrator, type ClientConfig, type ConfiguredUplink } from '../config/client-config.ts';
import { zoneWarning } from '../config/zone-warning.ts';
import { type ConfiguredPoint, formatConfiguredPoint } from '../front/application-points.ts';
import type { NetworkView } from '../network/network-view.ts';
import { serviceText } from '../publish/published-service.ts';
import { describePolicy, describeRule, uplinksNamed } from '../steering/steering-rule.ts';
import type { TransparentSettings } from '../transparent/transparent-settings.ts';
import { deviceBindingOf } from '../uplink/uplink.ts';
import { uplinksNow } from './check-uplinks.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';
import { CLIENT_SERVICE } from './client-service.ts';
import { planUsage, usageFileOf } from './plan-usage.ts';

/** Says what the client would do with this configuration, which of its uplinks are there now, and which reach the concentrator. */
export async function check(config: ClientConfig, deps: ClientCliDeps): Promise<void> {
  const { mode, socks, transparent, metrics } = config;
  const binding = deps.interfaceBinding();
  const uplinks = await uplinksNow(config, deps);
  const present = uplinks.all.filter(({ name }) => !uplinks.missing.includes(name));
  const tried = mode === 'direct' ? [] : await triedLines(config, present, uplinks.view, deps);
  const usage = await planUsage(config, uplinks.all, deps);
  const lines = [
    `${config.file} is valid`,
    ...wayLines(config),
    ...socks.listen.map(
      (point) => `socks         ${formatConfiguredPoint(point)}, ${admittedText(config, point)}`,
    ),
    ...(transparent === undefined ? [] : [`transparent   ${describeTransparent(transparent)}`]),
    `metrics       ${metrics ? formatDestination(metrics.listen) : 'off'}`,
    ...uplinks.lines,
    ...tried,
    ...usage.lines.map((line) => `metered       ${line}`),
    ...(usage.lines.length === 0 ? [] : [`usage         ${usage.fileText}`]),
    `steering      ${describePolicy(config.steering.default)}`,
    ...config.steering.rules.map((rule) => `rule          ${describeRule(rule)}`),
    ...config.publish.map(
      ({ listen, to }) =>
        `publishes     ${formatDestination(listen)} of the concentrator: ${serviceText(to)}`,
    ),
    `binding       ${binding.available ? 'by interface is available' : `by interface is not available: ${binding.reason}`}`,
  ];
  deps.stdout(`${lines.join('\n')}\n`);

  const warn = (line: string) => deps.stderr(`warning: ${line}\n`);
  const zone = zoneWarning(config, deps.env.TZ);
  if (zone !== undefined) warn(zone);
  const tuned = tuningWarning(config.tuning);
  if (tuned !== undefined) warn(tuned);
  if (config.unused.length > 0) warn(`not used with mode: direct: ${config.unused.join(', ')}`);
  for (const warning of usage.warnings) warn(warning);
  const keyFiles = config.concentrators.flatMap((one) => one.keyFile ?? []);
  const secrets = new Map(keyFiles.map((file) => [file, 'the key']));
  secrets.set(config.file, 'keys and passwords');
  const service = await readingService(CLIENT_SERVICE, config.file, deps);
  for (const { problem, remedy } of await secretFileProblems(secrets, service)) warn(`${problem}: ${remedy}`);
  if (socks.users.length === 0 && socks.allow.some((range) => EVERYBODY.includes(range))) {
    warn('socks.allow has every address, and there are no users: whoever reaches the port may use the proxy');
  }
  if (uplinks.problem !== undefined && config.autoUplinks !== undefined) warn(uplinks.problem);
  if (!binding.available && config.uplinks.some((uplink) => isByInterface(uplink))) {
    warn('uplinks with "interface" will not come up here: give them an "address" instead');
  }
  const { missing } = uplinks;
  if (missing.length > 0) warn(`not there now: ${missing.join(', ')}; they are used as soon as they appear`);
  const unknown = uplinksNamed(config.steering).filter(
    (name) => !uplinks.all.some((uplink) => uplink.name === name),
  );
  if (unknown.length > 0) {
    warn(
      `steering names what is no uplink now: ${unknown.join(', ')}; nothing goes over them until they are`,
    );
  }
  if (config.uplinks.length === 0 && !uplinks.lines.some((line) => line.startsWith('found'))) {
    warn('no interface is an uplink now: the reasons are above; what appears is used as soon as it does');
  }
}

/** Which uplinks reach which concentrator. */
async function triedLines(
  config: ClientConfig,
  uplinks: readonly ConfiguredUplink[],
  view: NetworkView | undefined,
  deps: ClientCliDeps,
): Promise<readonly string[]> {
  const { concentrators } = config;
  const outcomes = await Promise.all(
    concentrators.map(async (one) => {
      const tried = await deps.tryUplinks(
        aboutConcentrator(config, one),
        uplinks,
        view,
        usageFileOf(config, deps),
      );
      const to = concentrators.length > 1 ? ` to ${one.name}` : '';
      return tried.map((outcome, i) => `tried         ${uplinks[i]!.name}${to}: ${outcome}`);
    }),
  );
  return outcomes.flat();
}

/** How connections get out. */
function wayLines({ mode, concentrators, fallback }: ClientConfig): readonly string[] {
  if (mode === 'direct')
    return [
      'mode          direct: no concentrator; each connection goes over one uplink, outside of any tunnel',
    ];
  const isOne = concentrators.length === 1;
  return [
    ...concentrators.flatMap(({ name, concentrator, client }) => [
      ...(isOne ? [`client        ${client.id}`] : []),
      `concentrator  ${isOne ? '' : `${name}, for ${client.id}: `}${concentrator.addresses.map(formatDestination).join(', ')}`,
      ...concentrator.pins.map(({ text }) => `pin           ${text}`),
    ]),
    ...(fallback === undefined
      ? []
      : [`fallback      direct, outside of the tunnel, ${fallback.afterMs / 1_000} s after it is lost`]),
  ];
}

/** All of IPv4, and of IPv6. */
const EVERYBODY: readonly string[] = ['0.0.0.0/0', '::/0'];

/** Who may connect there. */
function admittedText({ socks: { users, allow } }: ClientConfig, point: ConfiguredPoint): string {
  const byUser = users.length === 0 ? 'without users' : `for ${users.length} user(s)`;
  if ('path' in point) return `mode 0${point.mode.toString(8)}, ${byUser}`;
  const isForThisMachine = 'host' in point && isLoopback(point.host);
  return allow.length === 0 || isForThisMachine ? byUser : `from ${allow.join(', ')}, ${byUser}`;
}

function describeTransparent({ listen, sniff }: TransparentSettings): string {
  return `${listen.map(formatDestination).join(', ')}, ${sniff ? 'names are read for rules' : 'by address alone'}`;
}

function isByInterface({ binding }: ConfiguredUplink): boolean {
  return deviceBindingOf(binding)?.kind === 'interface';
}
