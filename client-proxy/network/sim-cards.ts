import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { atMost } from '../../shared/runtime/async/at-most.ts';
import type { NetworkInterface, NetworkView } from './network-view.ts';
import { runCommand } from './run-command.ts';

/** Runs ModemManager's `mmcli`; undefined where there is none. */
export type RunModemManager = (args: readonly string[]) => Promise<string | undefined>;

/** More than a machine has. */
const MAX_MODEMS = 8;

/** Answers take tens of milliseconds. One that hangs must not hold up what is known of the network besides. */
const ANSWER_WAIT_MS = 1_000;
/** After an answer that could not be had, as while ModemManager starts anew; twice as long after each further one, */
const RETRY_MS = 5_000;
/** up to this. */
const MAX_RETRY_MS = 60_000;

export interface SimCardsOptions {
  isWanted(): boolean;
  readonly run?: RunModemManager;
  /** How long an answer is waited for; it is of use later, too. One second where absent. */
  readonly waitMs?: number;
  /** Something else is known than was told, or it is time to ask again: the view is to be made anew. */
  onNews?(): void;
}

/** The SIM cards behind interfaces (by ICCID), as ModemManager tells them, where the configuration asks for them. */
export class SimCards {
  readonly #options: SimCardsOptions;
  /** What was known of the interfaces when ModemManager was asked last. */
  #asked: readonly Facts[] | undefined;
  /** Of the last answer, and, where that was none, of former ones. By interface; as many as have been asked about. */
  #known: ReadonlyMap<string, Card> = new Map();
  /** Until the last question is answered, or has been waited for long enough. */
  #waited: Promise<void> = Promise.resolve();
  #isPending = false;
  /** The interfaces have changed since the question that is pending. */
  #isOvertaken = false;
  #isRetryDue = false;
  #retryMs = RETRY_MS;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: SimCardsOptions) {
    this.#options = options;
  }

  /** The view, with the SIM cards where they are wanted, as far as ModemManager has told them. */
  async addTo(view: NetworkView): Promise<NetworkView> {
    if (!this.#options.isWanted()) return view;
    // A card that is changed takes its connection down, so the interface's facts are others. Routes say nothing of it.
    const facts = view.interfaces.map(({ routes: _routes, routing: _routing, ...rest }) => rest);
    const isChanged = !isDeepStrictEqual(facts, this.#asked);
    if (isChanged) this.#retryMs = RETRY_MS;
    if (this.#isPending) this.#isOvertaken ||= isChanged;
    else if (isChanged || this.#isRetryDue) this.#ask(facts);
    if (isChanged) await this.#waited;
    return {
      interfaces: view.interfaces.map((one) => {
        const card = this.#known.get(one.name);
        return card === undefined || !isSameDevice(card, one) ? one : { ...one, iccid: card.iccid };
      }),
    };
  }

  #ask(facts: readonly Facts[]): void {
    clearTimeout(this.#retry);
    this.#asked = facts;
    this.#isPending = true;
    this.#isOvertaken = false;
    this.#isRetryDue = false;
    const answer = this.#find().then(({ iccids, isComplete }) => {
      this.#isPending = false;
      const before = this.#known;
      this.#known = new Map(
        facts.flatMap(({ name, index, macs }) => {
          const iccid = iccids.get(name);
          const former = isComplete ? undefined : before.get(name);
          const card = iccid === undefined ? former : { index, macs, iccid };
          return card === undefined ? [] : [[name, card] as const];
        }),
      );
      if (isComplete) this.#retryMs = RETRY_MS;
      else this.#retryLater();
      if (this.#isOvertaken || !isDeepStrictEqual(before, this.#known)) this.#options.onNews?.();
    });
    this.#waited = atMost(this.#options.waitMs ?? ANSWER_WAIT_MS, answer);
  }

  #retryLater(): void {
    this.#retry = setTimeout(() => {
      this.#isRetryDue = true;
      this.#options.onNews?.();
    }, this.#retryMs).unref();
    this.#retryMs = Math.min(2 * this.#retryMs, MAX_RETRY_MS);
  }

  /** By interface; not complete where ModemManager did not answer. */
  async #find(): Promise<{ readonly iccids: ReadonlyMap<string, string>; readonly isComplete: boolean }> {
    const iccids = new Map<string, string>();
    const list = await this.#read(['--list-modems'], MODEMS);
    let isComplete = list !== undefined;
    for (const modem of list?.['modem-list'].slice(0, MAX_MODEMS) ?? []) {
      const found = (await this.#read(['--modem', modem], MODEM))?.modem.generic;
      if (found === undefined) isComplete = false;
      // Without a card there is a dash in place of its path.
      if (found === undefined || !found.sim.startsWith('/')) continue;
      const iccid = (await this.#read(['--sim', found.sim], SIM))?.sim.properties.iccid;
      if (iccid === undefined) isComplete = false;
      for (const port of iccid === undefined ? [] : found.ports) {
        const name = /^(\S+) \(net\)$/.exec(port)?.[1];
        if (name !== undefined) iccids.set(name, iccid!);
      }
    }
    return { iccids, isComplete };
  }

  async #read<T>(args: readonly string[], schema: z.ZodType<T>): Promise<T | undefined> {
    try {
      const { run = runModemManager } = this.#options;
      const text = await run(['--output-json', ...args]);
      return text === undefined ? undefined : schema.parse(JSON.parse(text));
    } catch {
      // It is not running, or says something else than it did: then it does not tell.
      return undefined;
    }
  }
}

/** What `mmcli --output-json` prints, in part (ModemManager's names). */
const MODEMS = z.object({ 'modem-list': z.array(z.string()) });
const MODEM = z.object({
  modem: z.object({ generic: z.object({ ports: z.array(z.string()), sim: z.string() }) }),
});
const SIM = z.object({ sim: z.object({ properties: z.object({ iccid: z.string() }) }) });

/** It answers within tens of milliseconds, in some kilobytes. */
const LIMITS = { timeoutMs: 5_000, maxOutputBytes: 256 * 1024 };

async function runModemManager(args: readonly string[]): Promise<string | undefined> {
  return (await runCommand('mmcli', args, LIMITS))?.stdout;
}

/** What may be other when a card is. */
type Facts = Omit<NetworkInterface, 'routes' | 'routing'>;

/** A card, and the device that it was found in. */
interface Card {
  readonly iccid: string;
  readonly index: number;
  readonly macs: readonly string[] | undefined;
}

function isSameDevice(card: Card, { index, macs }: NetworkInterface): boolean {
  return card.index === index && isDeepStrictEqual(card.macs, macs);
}
