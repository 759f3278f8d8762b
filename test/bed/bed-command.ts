import type { Bed } from './bed.ts';
import type { UplinkSpec } from './uplink.ts';

/** The commands that a running bed takes, one per line. */
export const COMMANDS = `  hole NAME [up|down]            drops everything silently
  down NAME, up NAME             the client's interface
  collapse NAME MBPS RTT         a bad radio: rate, and RTT in ms
  set NAME KEY=VALUE ...         rate, rtt, queue, loss, jitter; up.rate or down.rate for one direction
  pause NAME MS                  holds all packets for so long
  pauses NAME GAP LENGTH         again and again, ranges in ms: 2000-5000 400-800
  holes NAME GAP LENGTH          the same, but drops the packets
  address NAME                   gives the client another address
  restore NAME                   as it was made
  stats NAME                     counters of both directions
  quit                           removes everything, as the end of input does`;

type Settings = Partial<Record<'rateMbps' | 'delayMs' | 'queueMs' | 'lossPercent' | 'jitterMs', number>>;

/** Reads `NAME:RATE/RTT/qQUEUE[/lossPERCENT][/jitterMS][/upRATE]`, as `wifi:20/40/q100/loss1`. Throws when it is not one. */
export function parseUplink(text: string): UplinkSpec {
  const [, name, rest = ''] = /^([^:]+):(.+)$/.exec(text) ?? [];
  const [rate, rtt, queue, ...more] = rest.split('/');
  if (!name || !queue?.startsWith('q')) throw new Error(`"${text}" is no uplink: NAME:RATE/RTT/qQUEUE`);
  const spec: UplinkSpec = {
    name,
    rateMbps: positive(rate),
    rttMs: amount(rtt),
    queueMs: positive(queue.slice(1)),
  };
  for (const part of more) {
    const [, key, value] = /^(loss|jitter|up)(.+)$/.exec(part) ?? [];
    if (key === 'loss') spec.lossPercent = amount(value);
    else if (key === 'jitter') spec.jitterMs = amount(value);
    else if (key === 'up') spec.up = { rateMbps: positive(value) };
    else throw new Error(`"${part}" in "${text}" is none of loss, jitter, up`);
  }
  return spec;
}

/** Carries out one line of {@link COMMANDS}, without `quit`; answers what to say. Throws when it makes no sense. */
export async function carryOut(bed: Bed, line: string): Promise<string> {
  const [verb = '', name = '', ...args] = line.trim().split(/\s+/);
  const uplink = bed.uplink(name);
  const [first, second] = args;
  if (verb === 'hole') await uplink.blackhole(direction(first));
  else if (verb === 'down') await uplink.down();
  else if (verb === 'up') await uplink.up();
  else if (verb === 'collapse') await uplink.collapse({ rateMbps: positive(first), rttMs: amount(second) });
  else if (verb === 'set') await uplink.set(changeOf(args));
  else if (verb === 'pause') await uplink.pause(amount(first));
  else if (verb === 'holes') await uplink.holes(range(first), range(second));
  else if (verb === 'pauses') await uplink.pauses(range(first), range(second));
  else if (verb === 'address') return (await uplink.changeAddress()).v4;
  else if (verb === 'restore') await uplink.restore();
  else if (verb === 'stats') return JSON.stringify(await uplink.stats(), undefined, 2);
  else throw new Error(`no command "${verb}":\n${COMMANDS}`);
  return 'ok';
}

const KEYS: Readonly<Record<string, keyof Settings>> = {
  rate: 'rateMbps',
  queue: 'queueMs',
  loss: 'lossPercent',
  jitter: 'jitterMs',
};

function changeOf(args: readonly string[]) {
  const change: { up: Settings; down: Settings } = { up: {}, down: {} };
  for (const arg of args) {
    const [, side, key = '', value] = /^(?:(up|down)\.)?(\w+)=(.+)$/.exec(arg) ?? [];
    const sides = side ? [side as 'up' | 'down'] : (['up', 'down'] as const);
    for (const one of sides) {
      if (key === 'rtt') change[one].delayMs = amount(value) / 2;
      else if (key in KEYS) change[one][KEYS[key]!] = amount(value);
      else throw new Error(`"${arg}": not one of rate, rtt, queue, loss, jitter`);
    }
  }
  return change;
}

function direction(text: string | undefined): 'up' | 'down' | 'both' {
  if (text === undefined) return 'both';
  if (text === 'up' || text === 'down') return text;
  throw new Error(`"${text}" is neither up nor down`);
}

function range(text: string | undefined): [min: number, max: number] {
  const [min, max] = (text ?? '').split('-');
  return [amount(min), amount(max ?? min)];
}

function positive(text: string | undefined): number {
  const value = amount(text);
  if (value > 0) return value;
  throw new Error(`"${text}" is not more than 0`);
}

function amount(text: string | undefined): number {
  const value = Number(text || Number.NaN);
  if (value >= 0 && Number.isFinite(value)) return value;
  throw new Error(`"${text ?? ''}" is not a number`);
}
