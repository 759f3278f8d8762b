import * as z from 'zod';
import { TributaryError } from '../../shared/protocol/errors.ts';
import { rowOf, STEERING_MODE_NAMES, type SteeringMode } from '../../shared/protocol/steering/modes.ts';
import { parseAddress } from '../../shared/runtime/address/ip-address.ts';
import { ActionError, type PageAction, pageAction } from '../../shared/runtime/page/page-actions.ts';
import type { PageData } from '../../shared/runtime/page/web-page.ts';
import type { ClientConfig, PresentUplink } from '../config/client-config.ts';
import { CHANGE_LASTS, type ChangeLasts, type ConfigChanges } from '../config/config-changes.ts';
import { type ConfigEdit, UPLINK_CHOICES, type UplinkChoice } from '../config/edit/config-edit.ts';
import { deviceBindingOf } from '../uplink/uplink.ts';

/** What the page changes of the configuration, and how it stands. */
export interface PageSettings {
  readonly settings: {
    readonly changes: Pick<ConfigChanges, 'make' | 'undo' | 'held'>;
    config(): Pick<ClientConfig, 'file' | 'uplinks' | 'steering'>;
    /** Those that there are, the listed ones first. */
    uplinks(): readonly PresentUplink[];
  };
}

/** How it stands, as the page shows it. */
export interface SettingsReport {
  readonly file: string;
  readonly defaultMode: SteeringMode;
  /** Those that the default can be changed to. */
  readonly defaultModes: readonly SteeringMode[];
  /** Those that a rule can have with nothing beside. */
  readonly ruleModes: readonly SteeringMode[];
  readonly uplinks: readonly {
    readonly name: string;
    readonly use: UplinkChoice;
    /** Whether it can be a backup by a condition of its own. */
    readonly hasCondition: boolean;
  }[];
}

export function settingsData({ config, uplinks }: PageSettings['settings']): PageData {
  return (): SettingsReport => {
    const { file, steering } = config();
    const { mode, order, weights } = steering.default;
    const given = [...(order === undefined ? [] : ['order']), ...(weights === undefined ? [] : ['weights'])];
    return {
      file,
      defaultMode: mode,
      defaultModes: STEERING_MODE_NAMES.filter((one) => one === mode || needsOnly(one, given)),
      ruleModes: STEERING_MODE_NAMES.filter((one) => needsOnly(one, [])),
      uplinks: uplinks().map((uplink) => ({
        name: uplink.name,
        use: useOf(uplink),
        hasCondition: uplink.backupWhen !== undefined,
      })),
    };
  };
}

const lasts = z.enum(CHANGE_LASTS);
const uplinkName = z.string().min(1).max(32);
const ruleAction = z.union([
  z.strictObject({ direct: uplinkName }),
  z.strictObject({ block: z.literal(true) }),
  z.strictObject({ mode: z.enum(STEERING_MODE_NAMES) }),
]);

/** Changes of the configuration, by name. */
export function settingsActions({
  changes,
  config,
  uplinks,
}: PageSettings['settings']): readonly (readonly [string, PageAction])[] {
  const change = async (made: Promise<void>) => {
    try {
      await made;
      return {};
    } catch (error) {
      // A defect is none of what the person has asked for.
      if (!(error instanceof TributaryError) || error.name === 'PartialReloadError') throw error;
      throw new ActionError(error.message, { cause: error });
    }
  };
  const make = (edit: ConfigEdit, duration: ChangeLasts) => change(changes.make(edit, duration));
  const useUplink = z.strictObject({ name: uplinkName, use: z.enum(UPLINK_CHOICES), lasts });
  const setMode = z.strictObject({ mode: z.enum(STEERING_MODE_NAMES), lasts });
  const addRule = z.strictObject({ host: z.string().min(1).max(255), action: ruleAction, lasts });
  const undo = z.strictObject({ subject: z.string().max(300) });
  return [
    [
      'use-uplink',
      pageAction(useUplink, ({ name, use, lasts: duration }) =>
        make({ kind: 'uplink', name, use, found: foundInterface(name, config(), uplinks()) }, duration),
      ),
    ],
    [
      'set-mode',
      pageAction(setMode, ({ mode, lasts: duration }) => make({ kind: 'default-mode', mode }, duration)),
    ],
    [
      'add-rule',
      pageAction(addRule, ({ host, action, lasts: duration }) =>
        make({ kind: 'rule', match: matchOf(host), action }, duration),
      ),
    ],
    ['undo', pageAction(undo, ({ subject }) => change(changes.undo(subject)))],
  ];
}

function needsOnly(mode: SteeringMode, given: readonly string[]): boolean {
  return Object.entries(rowOf(mode).parameters).every(
    ([name, need]) => need !== 'required' || given.includes(name),
  );
}

function useOf({ isOff, backup, backupWhen }: PresentUplink): UplinkChoice {
  if (isOff === true) return 'off';
  if (backupWhen !== undefined) return 'conditional';
  return backup ? 'backup' : 'on';
}

/** The interface of an uplink that is not in the list. */
function foundInterface(
  name: string,
  { uplinks: listed }: Pick<ClientConfig, 'uplinks'>,
  present: readonly PresentUplink[],
): string | undefined {
  if (listed.some((one) => one.name === name)) return undefined;
  const uplink = present.find((one) => one.name === name);
  if (uplink === undefined) throw new ActionError(`there is no uplink ${name}`);
  const device = deviceBindingOf(uplink.binding);
  return device?.kind === 'interface' ? device.interface : name;
}

function matchOf(host: string): { readonly host: string } | { readonly cidr: string } {
  const address = parseAddress(host);
  if (address === undefined) return { host };
  return { cidr: `${address.toNormalizedString()}/${address.kind() === 'ipv4' ? 32 : 128}` };
}
