import type { Bed } from '../bed/bed.ts';
import type { Excuse, Fault, PlayedFault, Target } from './fault.ts';
import { DIRECT_UPLINK } from './network.ts';

/** What faults act upon. */
export interface Stage {
  readonly bed: Bed;
  signal(role: 'client' | 'concentrator', signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Ends the concentrator without a word. */
  killConcentrator(): Promise<void>;
  startConcentrator(): Promise<void>;
  /** Moves the wall clock of a program to so many seconds beside the machine's. */
  setClock(role: 'client' | 'concentrator', seconds: number): Promise<void>;
  /** Downloads of which nobody reads more than the beginning for that long. */
  beginStalledReaders(count: number, stallMs: number): void;
}

type Range = readonly [least: number, most: number];

/** A kind of faults. */
export interface FaultKind {
  readonly name: string;
  /** What each may hit; `all uplinks` hits each of them. */
  readonly targets: 'an uplink' | 'all uplinks' | readonly Target[];
  readonly lastsMs: Range;
  /** Range of {@link Fault.value}, and its unit for people. */
  readonly value?: Range;
  readonly unit?: string;
  begin(stage: Stage, fault: Fault): Promise<void>;
  end?(stage: Stage, fault: Fault): Promise<void>;
  /** What it may break; nothing unless told. */
  excuses?(fault: PlayedFault): readonly Excuse[];
  /** Comes half as often as others: it breaks so much that little is left to look at. */
  readonly isRare?: boolean;
}

/** Connections that were opened while the client learned that its session is lost. */
const SESSION_LOST_MS = 2_000;
/** Direct connections that were opened before the client has noticed that the uplink is back. */
export const UPLINK_BACK_MS = 2_000;
const DAY_S = 86_400;

const restore: FaultKind['end'] = ({ bed }, { target }) => bed.uplink(target).restore();

/** All of them. Those that name no excuse must not break any connection. */
export const FAULT_KINDS: readonly FaultKind[] = [
  {
    name: 'interface down',
    targets: 'an uplink',
    lastsMs: [500, 12_000],
    begin: ({ bed }, { target }) => bed.uplink(target).down(),
    end: restore,
    excuses: directExcuse,
  },
  {
    name: 'another address',
    targets: 'an uplink',
    lastsMs: [0, 0],
    begin: async ({ bed }, { target }) => void (await bed.uplink(target).changeAddress()),
    excuses: directExcuse,
  },
  {
    name: 'all interfaces down, then other addresses',
    targets: 'all uplinks',
    lastsMs: [500, 12_000],
    begin: ({ bed }) => forEachUplink(bed, (uplink) => uplink.down()),
    end: ({ bed }) =>
      forEachUplink(bed, async (uplink) => {
        await uplink.changeAddress();
        await uplink.up();
      }),
    excuses: directExcuse,
  },
  {
    name: 'black hole',
    targets: 'an uplink',
    lastsMs: [300, 12_000],
    begin: ({ bed }, { target }) => bed.uplink(target).blackhole(),
    end: restore,
  },
  {
    name: 'black hole in all uplinks',
    targets: 'all uplinks',
    lastsMs: [300, 8_000],
    begin: ({ bed }) => forEachUplink(bed, (uplink) => uplink.blackhole()),
    end: ({ bed }) => forEachUplink(bed, (uplink) => uplink.restore()),
  },
  {
    name: 'pause',
    targets: 'an uplink',
    lastsMs: [100, 4_000],
    begin: ({ bed }, { target, lastsMs }) => bed.uplink(target).pause(lastsMs),
  },
  {
    name: 'radio that roams',
    targets: 'an uplink',
    lastsMs: [3_000, 12_000],
    begin: ({ bed }, { target }) => bed.uplink(target).holes([300, 900], [100, 400]),
    end: restore,
  },
  {
    name: 'rate collapse',
    targets: 'an uplink',
    lastsMs: [2_000, 12_000],
    value: [0.2, 2],
    unit: 'Mbit/s',
    begin: ({ bed }, { target, value }) => {
      const uplink = bed.uplink(target);
      return uplink.collapse({ rateMbps: value, rttMs: uplink.spec.rttMs + 400 });
    },
    end: restore,
  },
  {
    name: 'loss',
    targets: 'an uplink',
    lastsMs: [2_000, 12_000],
    value: [1, 25],
    unit: '%',
    begin: ({ bed }, { target, value }) => bed.uplink(target).set({ lossPercent: value }),
    end: restore,
  },
  {
    name: 'reordering',
    targets: 'an uplink',
    lastsMs: [2_000, 12_000],
    value: [5, 80],
    unit: 'ms',
    begin: ({ bed }, { target, value }) => bed.uplink(target).set({ jitterMs: value, reorder: true }),
    end: restore,
  },
  {
    name: 'smaller MTU',
    targets: 'an uplink',
    lastsMs: [2_000, 12_000],
    value: [1_280, 1_450],
    unit: 'bytes',
    begin: ({ bed }, { target, value }) => bed.uplink(target).setMtu(Math.round(value)),
    end: restore,
  },
  {
    name: 'larger packets vanish',
    targets: 'an uplink',
    lastsMs: [2_000, 12_000],
    value: [576, 1_450],
    unit: 'bytes',
    begin: ({ bed }, { target, value }) => bed.uplink(target).limitPackets(Math.round(value)),
    end: restore,
  },
  {
    name: 'program stopped',
    targets: ['client', 'concentrator'],
    lastsMs: [100, 8_000],
    begin: async (stage, { target }) => stage.signal(target as 'client', 'SIGSTOP'),
    end: async (stage, { target }) => stage.signal(target as 'client', 'SIGCONT'),
  },
  {
    name: 'killed',
    isRare: true,
    targets: ['concentrator'],
    lastsMs: [200, 6_000],
    begin: (stage) => stage.killConcentrator(),
    end: (stage) => stage.startConcentrator(),
    excuses: ({ atMs, newSessionAtMs = Number.POSITIVE_INFINITY }) => [
      { route: 'concentrator', fromMs: atMs, toMs: newSessionAtMs + SESSION_LOST_MS },
    ],
  },
  {
    name: 'clock steps, and back',
    targets: ['clock of client', 'clock of concentrator'],
    lastsMs: [500, 20_000],
    value: [-2 * DAY_S, 2 * DAY_S],
    unit: 's',
    begin: (stage, { target, value }) => stage.setClock(clockOwner(target), value),
    end: (stage, { target }) => stage.setClock(clockOwner(target), 0),
  },
  {
    name: 'readers stall, budgets fill',
    targets: ['applications'],
    lastsMs: [3_000, 12_000],
    value: [20, 60],
    unit: 'readers',
    begin: async (stage, { value, lastsMs }) => stage.beginStalledReaders(Math.round(value), lastsMs),
  },
];

/** The kind of a fault. */
export function kindOf({ kind }: Fault): FaultKind {
  return FAULT_KINDS.find(({ name }) => name === kind)!;
}

/** A fault as people read it. */
export function describeFault(fault: Fault): string {
  const { unit } = kindOf(fault);
  const value = unit === undefined ? '' : ` (${Number(fault.value.toPrecision(3))} ${unit})`;
  const at = (fault.atMs / 1000).toFixed(1).padStart(7);
  return `${at} s  ${fault.target}: ${fault.kind}${value}, ${(fault.lastsMs / 1000).toFixed(1)} s`;
}

function directExcuse({ target, atMs, lastsMs }: Fault): Excuse[] {
  if (target !== DIRECT_UPLINK && target !== 'all uplinks') return [];
  return [{ route: 'direct', fromMs: atMs, toMs: atMs + lastsMs + UPLINK_BACK_MS }];
}

async function forEachUplink(
  bed: Bed,
  act: (uplink: Bed['uplinks'][number]) => Promise<unknown>,
): Promise<void> {
  for (const uplink of bed.uplinks) await act(uplink);
}

function clockOwner(target: Target): 'client' | 'concentrator' {
  return target === 'clock of client' ? 'client' : 'concentrator';
}
