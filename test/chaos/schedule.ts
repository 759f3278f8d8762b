import type { Random } from '../simulation/random.ts';
import type { Excuse, Fault, PlayedFault, Target } from './fault.ts';
import { FAULT_KINDS, type FaultKind, kindOf, UPLINK_BACK_MS } from './fault-kinds.ts';
import { DIRECT_UPLINK, UPLINKS } from './network.ts';

/** Traffic is under way by then. */
const FIRST_AT_MS = 3_000;
/** From the beginning of one fault to that of the next: several overlap now and then. */
const GAP_MS = [300, 5_000] as const;

/** A rare kind once, others twice. */
const DECK = FAULT_KINDS.flatMap((kind) => (kind.isRare ? [kind] : [kind, kind]));

/** Draws faults for `lengthMs`; the last ones end before that. All of the deck is drawn before it begins anew. */
export function drawSchedule(random: Random, lengthMs: number): Fault[] {
  const faults: Fault[] = [];
  const freeAtMs = new Map<Target, number>();
  let deck: FaultKind[] = [];
  for (let atMs = FIRST_AT_MS; atMs < lengthMs; atMs += random.between(...GAP_MS)) {
    if (deck.length === 0) deck = shuffled(random, DECK);
    // Draws come in the same order whatever is taken.
    const drawn = deck.map((kind) => draw(random, kind, atMs));
    const at = drawn.findIndex((fault) => isPossible(fault));
    const [fault] = at < 0 ? [] : [drawn[at]!];
    if (!fault) continue;
    deck.splice(at, 1);
    faults.push(fault);
    for (const target of hit(fault)) freeAtMs.set(target, fault.atMs + fault.lastsMs);
  }
  return faults;

  function isPossible(fault: Fault): boolean {
    return (
      fault.atMs + fault.lastsMs <= lengthMs &&
      hit(fault).every((target) => (freeAtMs.get(target) ?? 0) < fault.atMs)
    );
  }
}

/** What these faults may have broken. */
export function excusesOf(faults: readonly PlayedFault[]): Excuse[] {
  return faults.flatMap((fault) => {
    const own = kindOf(fault).excuses?.(fault) ?? [];
    if (!hit(fault).includes(DIRECT_UPLINK)) return own;
    // A direct connection has nowhere else to go, and its dial gives up after some seconds.
    const toMs = fault.atMs + fault.lastsMs + UPLINK_BACK_MS;
    return [...own, { route: 'direct', fromMs: fault.atMs, toMs, onlyOpens: true }];
  });
}

/** All that a fault hits. */
export function hit({ target }: Fault): readonly Target[] {
  return target === 'all uplinks' ? UPLINKS.map(({ name }) => name) : [target];
}

function draw(random: Random, { name, targets, lastsMs, value = [0, 0] }: FaultKind, atMs: number): Fault {
  const uplinks = UPLINKS.map((uplink) => uplink.name);
  const target =
    targets === 'all uplinks' ? targets : random.pick(targets === 'an uplink' ? uplinks : targets);
  return {
    kind: name,
    target,
    atMs: Math.round(atMs),
    lastsMs: Math.round(random.between(...lastsMs)),
    value: random.between(...value),
  };
}

function shuffled<Item>(random: Random, items: readonly Item[]): Item[] {
  const left = [...items];
  return items.map(() => left.splice(random.integer(0, left.length - 1), 1)[0]!);
}
