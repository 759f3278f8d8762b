import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import type { NetworkView } from './network-view.ts';
import { runCommand } from './run-command.ts';

/** Runs ModemManager's `mmcli`; undefined where there is none. */
export type RunModemManager = (args: readonly string[]) => Promise<string | undefined>;

/** More than a machine has. */
const MAX_MODEMS = 8;

/** The SIM cards behind interfaces (by ICCID), as ModemManager tells them, where the configuration asks for them. */
export class SimCards {
  readonly #isWanted: () => boolean;
  readonly #run: RunModemManager;
  /** What was known of the interfaces when ModemManager was asked last, and its answer. */
  #last: { readonly facts: unknown; readonly iccids: ReadonlyMap<string, string> } | undefined;

  constructor(isWanted: () => boolean, run: RunModemManager = runModemManager) {
    this.#isWanted = isWanted;
    this.#run = run;
  }

  /** The view, with the SIM cards where they are wanted; without them where ModemManager does not tell. */
  async addTo(view: NetworkView): Promise<NetworkView> {
    if (!this.#isWanted()) return view;
    // A card that is changed takes its connection down, so the interface's facts are others. Routes say nothing of it.
    const facts = view.interfaces.map(({ routes: _, ...facts }) => facts);
    if (!isDeepStrictEqual(facts, this.#last?.facts)) this.#last = { facts, iccids: await this.#ask() };
    const { iccids } = this.#last!;
    return {
      interfaces: view.interfaces.map((one) => {
        const iccid = iccids.get(one.name);
        return iccid === undefined ? one : { ...one, iccid };
      }),
    };
  }

  /** By interface. */
  async #ask(): Promise<ReadonlyMap<string, string>> {
    const list = await this.#read(['--list-modems'], MODEMS);
    const iccids = new Map<string, string>();
    for (const modem of list?.['modem-list'].slice(0, MAX_MODEMS) ?? []) {
      const { ports, sim } = (await this.#read(['--modem', modem], MODEM))?.modem.generic ?? {};
      if (ports === undefined || sim === undefined) continue;
      const iccid = (await this.#read(['--sim', sim], SIM))?.sim.properties.iccid;
      for (const port of iccid === undefined ? [] : ports) {
        const name = /^(\S+) \(net\)$/.exec(port)?.[1];
        if (name !== undefined) iccids.set(name, iccid!);
      }
    }
    return iccids;
  }

  async #read<T>(args: readonly string[], schema: z.ZodType<T>): Promise<T | undefined> {
    try {
      const text = await this.#run(['--output-json', ...args]);
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
