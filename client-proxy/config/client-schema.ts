import { isIP, isIPv4 } from 'node:net';
import * as z from 'zod';
import { MAX_SUBFLOWS_PER_UPLINK } from '../../shared/protocol/uplink/wanted-subflows.ts';
import { isIpv6Literal, parseHostPort } from '../../shared/runtime/address/host-port.ts';
import {
  byteSize,
  congestionControl,
  connections,
  count,
  duration,
  ipAddress,
  linger,
  log,
  metrics,
  percentage,
  text,
  textAs,
} from '../../shared/runtime/config/schema-pieces.ts';
import { tuning } from '../../shared/runtime/config/tuning.ts';
import {
  interfaceNameBytes,
  interfaceNameOf,
  isInterfaceName,
} from '../../shared/runtime/kernel/interface-name.ts';
import { metered } from '../metering/metered-settings.ts';
import { ownAddresses } from '../network/network-view.ts';
import { PATH_MODES } from '../path-manager/paths.ts';
import { STANDBY_MODES } from '../path-manager/uplink-role.ts';
import { backup, costPerGB } from '../schedule/schedule-schema.ts';
import { transparent } from '../transparent/transparent-settings.ts';
import type { DeviceBinding, UplinkBinding } from '../uplink/uplink.ts';
import { publishMistakes } from './check-publish.ts';
import { steeringMistakes } from './check-steering.ts';
import {
  CLIENT_MODES,
  type ClientMode,
  type ConfiguredUplink,
  type ConfiguredUplinks,
  DEFAULT_METRICS_LISTEN,
  type FallbackSettings,
} from './client-config.ts';
import {
  client,
  concentrator,
  concentratorMistakes,
  concentrators,
  hasOwnClients,
} from './concentrators-schema.ts';
import { PROXY_URL_FORMAT, parseProxyUrl } from './proxy-url.ts';
import { publish } from './publish-schema.ts';
import { refuseRepeated } from './refuse-repeated.ts';
import { socks } from './socks-schema.ts';
import { steering } from './steering-schema.ts';
import { settingsMistakes, settingsOf, uplinksSchema } from './uplinks-schema.ts';

/** More than a machine has; each uplink costs subflows, timers and a share of every window at both ends. */
export const MAX_UPLINKS = 16;

const INTERFACE_FORMAT =
  'the name of a network interface, for example "eth0" (1 to 15 bytes of UTF-8; "%E4" stands for the byte E4)';

const subflowsPerPath = z.union([z.literal('auto'), count(1, MAX_SUBFLOWS_PER_UPLINK)], {
  error: `expected auto, or a whole number from 1 to ${MAX_SUBFLOWS_PER_UPLINK}`,
});

/** As many as resolv.conf(5) takes. */
const MAX_NAME_SERVERS = 3;
const nameServer = textAs(
  'the address of a name server, such as "9.9.9.9", "9.9.9.9:53" or "[2620:fe::fe]:53"',
  (value) => {
    if (isIP(value) !== 0) return isIPv4(value) || isIpv6Literal(value) ? value : undefined;
    const parsed = parseHostPort(value);
    return parsed !== undefined && isIP(parsed.host) !== 0 ? value : undefined;
  },
);

const standby = z.enum(STANDBY_MODES);

const FALLBACKS = ['none', 'direct'] as const;
/** Longer than a restart of the concentrator takes, and than a client needs to dial it again. */
const FALLBACK_AFTER_MS = 5_000;

/** Of an uplink or a plan, in logs and metrics. */
const label = textAs('a name of 1 to 32 letters, digits, "_", "-" or "."', (value) =>
  /^[A-Za-z0-9_.-]{1,32}$/.test(value) ? value : undefined,
);

/** As wide as shares in percent; what is finer makes no difference to whole connections. */
const MAX_WEIGHT = 100;

/** What may be said of an uplink of the list, and of discovered ones by a pattern. */
const uplinkSettings = {
  enabled: z.boolean().optional(),
  backup: backup.optional(),
  standby: standby.optional(),
  joinAboveUtilization: percentage.optional(),
  congestionControl: congestionControl.optional(),
  subflowsPerPath: subflowsPerPath.optional(),
  nameServers: z.array(nameServer).min(1).max(MAX_NAME_SERVERS).optional(),
  metered: metered.optional(),
  plan: label.optional(),
  costPerGB: costPerGB.optional(),
  weight: count(1, MAX_WEIGHT).optional(),
};

const uplink = z
  .strictObject({
    name: label,
    interface: textAs(INTERFACE_FORMAT, (value) =>
      // As it is read from the kernel, so that both can be compared.
      isInterfaceName(value) ? interfaceNameOf(interfaceNameBytes(value)) : undefined,
    ).optional(),
    address: ipAddress.optional(),
    proxy: textAs(PROXY_URL_FORMAT, parseProxyUrl).optional(),
    ...uplinkSettings,
  })
  .transform(({ name, interface: device, address, proxy, ...optional }, context): ConfiguredUplink => {
    const devices: DeviceBinding[] = [];
    if (device !== undefined) devices.push({ kind: 'interface', interface: device });
    if (address !== undefined) devices.push({ kind: 'address', address });
    const [over] = devices;
    const binding: UplinkBinding | undefined =
      proxy === undefined ? over : { kind: 'proxy', ...proxy, ...(over && { over }) };
    if (binding === undefined || devices.length > 1) {
      const message =
        'an uplink has one of interface, address and proxy; a proxy may have interface or address beside it';
      context.issues.push({ code: 'custom', message, input: name });
      return z.NEVER;
    }
    for (const { path, message } of settingsMistakes(optional)) {
      context.issues.push({ code: 'custom', path, message, input: name });
    }
    if (binding.kind === 'proxy' && optional.nameServers !== undefined) {
      const message = 'has no use here: the proxy resolves names';
      context.issues.push({ code: 'custom', message, input: name, path: ['nameServers'] });
    }
    return { name, binding, backup: false, ...settingsOf(optional) };
  });

const uplinkList = z
  .array(uplink)
  .min(1)
  .max(MAX_UPLINKS)
  .superRefine((uplinks, context) => {
    refuseRepeated(uplinks, context, [], 'an uplink of this name stands above');
  });

const fallbackAfter = duration({ min: '1s', max: '1h' }).prefault('5s');

/** `fallback`: what becomes of new connections while the concentrator cannot be reached. */
const fallback = z
  .union(
    [z.enum(FALLBACKS), z.strictObject({ to: z.enum(FALLBACKS).default('direct'), after: fallbackAfter })],
    {
      error: 'expected none, direct, or a map such as {to: direct, after: 5s}',
    },
  )
  .default('none')
  .transform((value): FallbackSettings | undefined => {
    const { to, after } = typeof value === 'string' ? { to: value, after: FALLBACK_AFTER_MS } : value;
    return to === 'none' ? undefined : { afterMs: after };
  });

/** The client's configuration file. Its output has the file's keys, and values in milliseconds and bytes. */
export const clientSchema = z
  .strictObject({
    mode: z.enum(CLIENT_MODES).default('concentrator'),
    concentrator: concentrator.optional(),
    concentrators: concentrators.optional(),
    client: client.optional(),
    socks,
    transparent,
    datagrams: z.boolean().default(true),
    uplinks: uplinksSchema(uplinkList, uplinkSettings),
    subflowsPerPath: subflowsPerPath.default('auto'),
    paths: z.enum(PATH_MODES).default('per-uplink'),
    standby: standby.default('make-before-break'),
    steering,
    publish,
    fallback,
    direct: z.strictObject({ sticky: duration({ min: '0s', max: '24h' }).prefault('10m') }).prefault({}),
    linger,
    dial: z
      .strictObject({
        timeout: duration({ min: '100ms', max: '1m' }).prefault('5s'),
        backoffMin: duration({ min: '50ms', max: '1m' }).prefault('500ms'),
        backoffMax: duration({ min: '50ms', max: '10m' }).prefault('8s'),
      })
      .prefault({})
      .superRefine(({ backoffMin, backoffMax }, context) => {
        if (backoffMin <= backoffMax) return;
        context.addIssue({ code: 'custom', path: ['backoffMax'], message: 'shorter than backoffMin' });
      }),
    connections,
    memory: z
      .strictObject({ perSession: byteSize({ min: '1MiB', max: '4GiB' }).prefault('64MiB') })
      .prefault({}),
    stateDir: text.optional(),
    metrics: metrics(DEFAULT_METRICS_LISTEN),
    tuning,
    log,
  })
  .refine(
    (file) => isThere(file.mode, file.concentrator ?? file.concentrators),
    neededUnlessDirect('concentrator', 'concentrators'),
  )
  .refine(
    (file) => isThere(file.mode, file.client ?? (hasOwnClients(file.concentrators) || undefined)),
    neededUnlessDirect('client', 'concentrators'),
  )
  .refine(({ concentrator, concentrators }) => concentrator === undefined || concentrators === undefined, {
    path: ['concentrators'],
    error: 'stands beside "concentrator": move that one into the list with a name, or take one of them out',
  })
  .refine(({ mode, fallback: settings }) => mode !== 'direct' || settings === undefined, {
    path: ['fallback'],
    error: 'has no use with mode: direct, where everything goes directly: take one of them out',
  })
  .refine(({ mode, publish: services }) => mode !== 'direct' || services.length === 0, {
    path: ['publish'],
    error: 'has no use with mode: direct, where no concentrator listens for visitors: take one of them out',
  })
  .superRefine(({ steering, uplinks, socks }, context) => {
    // What is wrong with the sections themselves has been told; they are as they stand in the file then.
    const isToldOf = (section: string) => context.issues.some(({ path }) => path?.[0] === section);
    if (isToldOf('steering')) return;
    const isWrong = isToldOf('uplinks');
    const known = {
      uplinks: isWrong ? undefined : knownUplinks(uplinks),
      users: socks.users.map(({ name }) => name),
      hasCosts: isWrong || hasCosts(uplinks),
    };
    for (const { path, message } of steeringMistakes(steering, known)) {
      context.addIssue({ code: 'custom', path: ['steering', ...path], message });
    }
  })
  .superRefine((file, context) => {
    for (const { path, message } of concentratorMistakes(file)) {
      context.addIssue({ code: 'custom', path: [...path], message });
    }
  })
  .superRefine((file, context) => {
    for (const { index, message } of publishMistakes(file, ownAddresses())) {
      context.addIssue({ code: 'custom', path: ['publish', index, 'to'], message });
    }
  });

function isThere(mode: ClientMode, section: unknown): boolean {
  return mode === 'direct' || section !== undefined;
}

/** Told beside other mistakes, but for those of the sections themselves. */
function neededUnlessDirect(...sections: readonly [string, string]) {
  return {
    path: [sections[0]],
    error:
      'expected a map of keys and values ("tributary-client join" writes it; to do without a concentrator: "mode: direct")',
    when: ({ value, issues }: z.core.ParsePayload) =>
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      issues.every(({ path }) => ![...sections, 'mode'].includes(String(path?.[0]))),
  };
}

function hasCosts({ list, auto }: ConfiguredUplinks): boolean {
  return [...list, ...(auto?.settings ?? [])].some(({ costs }) => costs !== undefined);
}

/** The names of all uplinks that there can be; undefined where some are found while running. */
function knownUplinks({ list, auto }: ConfiguredUplinks): string[] | undefined {
  const mayFind = auto !== undefined && (auto.all || auto.include.length > 0);
  return mayFind ? undefined : list.map(({ name }) => name);
}
