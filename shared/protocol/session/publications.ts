import type { PublishedFrame, PublishFrame } from '../codec/inbound-frames.ts';
import { controlItem } from '../control/control-item.ts';
import type { ControlQueue } from '../control/control-queue.ts';
import { ERROR_CODE, type ErrorName, errorName } from '../errors.ts';
import type { SessionEvent } from './events.ts';

/** Publications that a session may have at a time: the slots that a byte can name. */
export const MAX_PUBLICATIONS = 256;

/** A publication of a session: its slot, and which of those that had the slot it is. */
export interface PublicationId {
  readonly slot: number;
  readonly generation: number;
}

/** Where the concentrator is to listen for a client. */
export interface PublishedPlace {
  /** An address of its own, `*` for all; with `once` the address or name that one connection is expected from. */
  readonly host: string;
  /** 0 with `once`. */
  readonly port: number;
  /** For one connection, at a port that the concentrator chooses. */
  readonly once: boolean;
}

/** What became of a publication. */
export type PublishOutcome =
  | { readonly ok: true; readonly host: string; readonly port: number }
  /** `reason` is for a person. */
  | { readonly ok: false; readonly error: ErrorName; readonly reason: string };

/** What the program around a session tells it of publications (SPEC.md section 6, PUBLISH). */
export interface PublicationCommands {
  /** Client: asks for a place; `published` tells what became of it. @returns undefined when MAX_PUBLICATIONS are in use */
  request(place: PublishedPlace): PublicationId | undefined;
  /** Client: it is no longer wanted. Without effect on one that is withdrawn. */
  withdraw(id: PublicationId): void;
  /** Concentrator: what became of it; a later answer replaces the earlier. Without effect on one that is no longer wanted. */
  answer(id: PublicationId, outcome: PublishOutcome): void;
}

interface Slot {
  generation: number;
  isWanted: boolean;
  /** The newest answer that was given or heard. */
  answer: number;
}

/** The publications of one session, at either end. A slot's generation tells news from late copies. */
export class Publications implements PublicationCommands {
  readonly #control: ControlQueue;
  readonly #emit: (event: SessionEvent) => void;
  /** By number; those that were never used are missing. */
  readonly #slots = new Map<number, Slot>();
  #answers = 0;

  constructor(control: ControlQueue, emit: (event: SessionEvent) => void) {
    this.#control = control;
    this.#emit = emit;
  }

  request(place: PublishedPlace): PublicationId | undefined {
    let slot = 0;
    while (this.#slots.get(slot)?.isWanted) slot++;
    if (slot === MAX_PUBLICATIONS) return undefined;
    const generation = (this.#slots.get(slot)?.generation ?? 0) + 1;
    this.#slots.set(slot, { generation, isWanted: true, answer: 0 });
    this.#tell({ slot, generation }, place, false);
    return { slot, generation };
  }

  withdraw({ slot, generation }: PublicationId): void {
    if (!this.#isCurrent(slot, generation)) return;
    this.#slots.set(slot, { generation: generation + 1, isWanted: false, answer: 0 });
    this.#tell({ slot, generation: generation + 1 }, NOWHERE, true);
  }

  answer({ slot, generation }: PublicationId, outcome: PublishOutcome): void {
    if (!this.#isCurrent(slot, generation)) return;
    const answer = ++this.#answers;
    const state = this.#slots.get(slot)!;
    state.answer = answer;
    const frame = { type: 'published', slot, generation, answer, ...outcomeFields(outcome) } as const;
    const isCurrent = () => this.#isCurrent(slot, generation) && state.answer === answer;
    this.#control.push(controlItem(frame, 2, isCurrent));
  }

  /** At the concentrator. */
  onPublish({ slot, generation, withdrawn, host, port, once }: PublishFrame): void {
    if (generation <= (this.#slots.get(slot)?.generation ?? 0)) return;
    this.#slots.set(slot, { generation, isWanted: !withdrawn, answer: 0 });
    if (withdrawn) this.#emit({ type: 'publish-withdrawn', slot });
    else this.#emit({ type: 'publish-requested', slot, generation, host, port, once });
  }

  /** At the client. */
  onPublished({ slot, generation, answer, ok, port, code, text }: PublishedFrame): void {
    const state = this.#slots.get(slot);
    if (state === undefined || !this.#isCurrent(slot, generation) || answer <= state.answer) return;
    state.answer = answer;
    const outcome = ok
      ? ({ ok, host: text, port } as const)
      : ({ ok, error: errorName(code), reason: text } as const);
    this.#emit({ type: 'published', slot, generation, ...outcome });
  }

  #isCurrent(slot: number, generation: number): boolean {
    const state = this.#slots.get(slot);
    return state?.generation === generation && state.isWanted;
  }

  #tell({ slot, generation }: PublicationId, place: PublishedPlace, withdrawn: boolean): void {
    const { host, port, once } = place;
    const frame = { type: 'publish', slot, generation, withdrawn, once, port, host } as const;
    const isCurrent = () => this.#slots.get(slot)?.generation === generation;
    this.#control.push(controlItem(frame, 2, isCurrent));
  }
}

/** What the frame says where it says nothing. */
const NOWHERE: PublishedPlace = { host: '*', port: 0, once: false };

/** A text of the wire has at least one byte and at most 255. */
const MAX_TEXT_BYTES = 255;

function outcomeFields(outcome: PublishOutcome): Pick<PublishedFrame, 'ok' | 'port' | 'code' | 'text'> {
  if (outcome.ok) return { ok: true, port: outcome.port, code: 0, text: outcome.host };
  const code = ERROR_CODE[outcome.error];
  return { ok: false, port: 0, code, text: shortened(outcome.reason) };
}

/** Not in the middle of a character. */
function shortened(text: string): string {
  let short = text;
  while (new TextEncoder().encode(short).length > MAX_TEXT_BYTES) short = [...short].slice(0, -1).join('');
  return short;
}
