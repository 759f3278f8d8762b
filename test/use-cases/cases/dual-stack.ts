import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { atLeast, atMost, type Check, exactly, noneBroken, shown } from '../check.ts';
import type { Source } from '../recorder.ts';
import type { Scene } from '../scene.ts';
import type { UseCase } from '../use-case.ts';

const RATE_MBPS = 20;
/** What leaves both subflows room: then their turns decide how much each carries, and not their congestion windows. */
const LIGHT = { kind: 'live', rateMbps: 8, ms: 3_000, bufferMs: 500 } as const;
const LIGHT_WARM_UP_MS = 500;
const TRANSFER_MS = 4_500;
const WARM_UP_MS = 1_500;
/** For the second subflow to join. */
const JOIN_LIMIT_MS = 5_000;
const IPV4 = '10.77.0.1:8443';
const IPV6 = '[fd77::1]:8443';

/** A client that knows its concentrator by an IPv6 address only, on an uplink that has both protocols. */
export const dualStack: UseCase = {
  name: 'dual-stack',
  title: 'connected over IPv6, and over an IPv4 address that the concentrator announced',
  requirement: 'there is a subflow over each protocol, and alternately used each carries about half',
  bed: {
    uplinks: [{ name: 'lte', rateMbps: RATE_MBPS, rttMs: 40, queueMs: 100 }],
    congestionControl: 'cubic',
  },
  client: {
    'concentrator.addresses': [IPV6],
    uplinks: [{ name: 'lte', interface: 'lte' }],
    paths: 'per-family',
    'steering.default': 'round-robin',
  },
  concentrator: { listen: [IPV4, IPV6], 'announce.addresses': [IPV4, IPV6] },
  isUp: ['lte'],
  drawn: ['down'],
  play,
};

async function play(scene: Scene): Promise<Check[]> {
  const families = await joinedFamilies(scene);
  await scene.begin(sources(scene));
  const { traffic } = scene;
  const light = await scene.job(LIGHT, LIGHT.ms);
  const fromMs = scene.nowMs;
  const { bulk } = await scene.job({ kind: 'bulk', direction: 'down', ms: TRANSFER_MS }, TRANSFER_MS);
  const [sinceMs, untilMs] = [fromMs + WARM_UP_MS, fromMs + TRANSFER_MS];
  const share = traffic.share('IPv4', 'down', LIGHT_WARM_UP_MS, untilMs);
  const sum = ['IPv4', 'IPv6']
    .map((family) => traffic.rateMbps(family, 'down', sinceMs, untilMs))
    .reduce((total, rate) => total + rate, 0);
  return [
    noneBroken('streams', light.bulk, bulk),
    exactly('subflows over IPv6', families.filter((family) => family === 6).length, 1),
    exactly('subflows over IPv4', families.filter((family) => family === 4).length, 1),
    // Two CUBIC flows divide a full link as chance has it: a third is no fault of the turns.
    atLeast('share of IPv4', share, 0.3),
    atMost('share of IPv4', share, 0.7),
    shown('share of IPv4 while both have room', traffic.share('IPv4', 'down', LIGHT_WARM_UP_MS, LIGHT.ms)),
    shown('share of IPv4 on the full link', traffic.share('IPv4', 'down', sinceMs, untilMs)),
    atLeast("rate over the link's", sum / RATE_MBPS, 0.8),
  ];
}

/** What passes the link as IPv6, as the client's kernel counts it, and the rest of what passes. */
function sources(scene: Scene): Source[] {
  const [uplink] = scene.bed.uplinks;
  const ipv6 = async () => {
    const text = await readFile(`/proc/${scene.pid('client')}/net/dev_snmp6/${uplink!.name}`, 'utf8');
    const counter = (name: string) => Number(new RegExp(`^${name}\\s+(\\d+)$`, 'm').exec(text)?.[1]);
    return { up: counter('Ip6OutOctets'), down: counter('Ip6InOctets') };
  };
  const ipv4 = async () => {
    const [{ up, down }, six] = await Promise.all([uplink!.stats(), ipv6()]);
    return { up: up.bytesOut - six.up, down: down.bytesOut - six.down };
  };
  return [
    { name: 'IPv6', read: ipv6 },
    { name: 'IPv4', read: ipv4 },
  ];
}

/** The address families of all subflows, as soon as there are two. */
async function joinedFamilies({ bed }: Scene): Promise<number[]> {
  const deadline = performance.now() + JOIN_LIMIT_MS;
  for (;;) {
    const sockets = await bed.client.exec('ss', ['-tnH', 'state', 'established', 'dport', '=', ':8443']);
    const families = sockets
      .split('\n')
      .filter(Boolean)
      .map((line) => (line.includes('[fd77::1]') ? 6 : 4));
    if (families.length >= 2 || performance.now() > deadline) return families;
    await sleep(100);
  }
}
