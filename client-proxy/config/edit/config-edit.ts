import { TributaryError } from '../../../shared/protocol/errors.ts';
import type { SteeringMode } from '../../../shared/protocol/steering/modes.ts';

/** What an uplink is used for: as others are, only when no other works, that by its condition, or not at all. */
export const UPLINK_CHOICES = ['on', 'backup', 'conditional', 'off'] as const;
export type UplinkChoice = (typeof UPLINK_CHOICES)[number];

/** What a rule that is added does. */
export type EditedAction =
  | { readonly direct: string }
  | { readonly block: true }
  | { readonly mode: SteeringMode };

/** One change of the client's configuration, as somebody has asked for it. */
export type ConfigEdit =
  | {
      readonly kind: 'uplink';
      readonly name: string;
      /** Its interface, where it was found and is not in the list. */
      readonly found?: string | undefined;
      readonly use: UplinkChoice;
    }
  | { readonly kind: 'default-mode'; readonly mode: SteeringMode }
  | {
      readonly kind: 'rule';
      /** One of both: a name, or a network. */
      readonly match: { readonly host: string } | { readonly cidr: string };
      readonly action: EditedAction;
    };

/** A configuration does not allow of a change; the message says why, and what to do. */
export class ConfigEditError extends TributaryError {
  constructor(message: string, options?: ErrorOptions) {
    super('internalError', message, 'ours', options);
  }
}

/** What a change is about: a later one of the same takes its place. */
export function subjectOf(edit: ConfigEdit): string {
  if (edit.kind === 'uplink') return `uplink ${edit.name}`;
  return edit.kind === 'rule' ? `rule ${matchText(edit.match)}` : edit.kind;
}

/** `starlink: backup`, for a person. */
export function describeEdit(edit: ConfigEdit): string {
  if (edit.kind === 'uplink') return `${edit.name}: ${USE_WORDS[edit.use]}`;
  if (edit.kind === 'default-mode') return `default mode: ${edit.mode}`;
  return `${matchText(edit.match)}: ${actionText(edit.action)}`;
}

const USE_WORDS: Readonly<Record<UplinkChoice, string>> = {
  on: 'on',
  backup: 'backup',
  conditional: 'backup by its condition',
  off: 'off',
};

function matchText(match: { readonly host: string } | { readonly cidr: string }): string {
  return 'host' in match ? match.host : match.cidr;
}

function actionText(action: EditedAction): string {
  if ('direct' in action) return `direct over ${action.direct}`;
  return 'mode' in action ? action.mode : 'blocked';
}
