import { exactBitRate } from '../../shared/runtime/config/bit-rate.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import { parseDuration } from '../../shared/runtime/config/duration.ts';
import { formatPortRange } from '../../shared/runtime/config/ranges.ts';
import { hasExpired } from '../clients/client-list.ts';
import { formatExpiry } from '../config/client-expiry.ts';
import { clientSchema, clientText, type ListedClient, quotaText } from '../config/client-schema.ts';
import { formatEgressRule } from '../config/egress-rule.ts';

/** What may be said of a client on a command line, as it was written. `none` takes a thing back. */
export interface ClientSettings {
  readonly label?: string;
  readonly expires?: string;
  readonly rateLimit?: string;
  readonly quota?: string;
  readonly atQuota?: string;
  readonly publish?: string;
  readonly allow?: string;
  readonly deny?: string;
  readonly only?: string;
}

const NONE = 'none';

/** The client with these settings in the place of its own. Throws UsageError. */
export function withSettings(client: ListedClient, settings: ClientSettings, now: Date): ListedClient {
  const text = { ...clientText(client) };
  const set = (key: string, value: unknown) => {
    if (value === undefined) return;
    if (value === NONE) delete text[key];
    else text[key] = value;
  };
  set('label', settings.label);
  set('expires', fromNow(settings.expires, now));
  set('rateLimit', settings.rateLimit);
  set('quota', settings.quota);
  if (settings.quota === NONE) delete text.atQuota;
  set('atQuota', settings.atQuota);
  set('publish', listOf(settings.publish));
  const egress: Record<string, unknown> = { ...(text.egress as object | undefined) };
  for (const key of ['allow', 'deny', 'only'] as const) {
    const value = listOf(settings[key]);
    if (value === NONE) delete egress[key];
    else if (value !== undefined) egress[key] = value;
  }
  set('egress', Object.keys(egress).length === 0 ? NONE : egress);
  const parsed = clientSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const option = OPTION_OF[String(issue?.path[0] === 'egress' ? issue.path[1] : issue?.path[0])];
  throw new UsageError(`${option ?? 'settings'}: ${messageOf(issue?.message)}`);
}

/** In short, for a list: what is not the default. */
export function settingsText(client: ListedClient, now: Date): string {
  const { label, expiresMs, rateBytesPerSecond, quota, publish = [], egress, oldKey, rotated } = client;
  const rules = (name: string, list: readonly Parameters<typeof formatEgressRule>[0][] | undefined) =>
    list === undefined || list.length === 0 ? [] : [`${name} ${list.map(formatEgressRule).join(', ')}`];
  const parts = [
    // A label is any text, and a terminal obeys some.
    ...(label === undefined
      ? []
      : [JSON.stringify(label).replaceAll(/[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '?')]),
    ...(expiresMs === undefined
      ? []
      : [`${hasExpired(client, now.getTime()) ? 'has expired' : 'expires'} ${formatExpiry(expiresMs)}`]),
    ...(rateBytesPerSecond === undefined ? [] : [`at most ${exactBitRate(rateBytesPerSecond)}`]),
    ...(quota === undefined ? [] : [`${quotaText(quota.bytes)} a month, then ${thenText(quota.whenUsedUp)}`]),
    ...(publish.length === 0 ? [] : [`may publish ${publish.map(formatPortRange).join(', ')}`]),
    ...rules('also reaches', egress?.allow),
    ...rules('never reaches', egress?.deny),
    ...rules('reaches only', egress?.only),
    ...(oldKey === undefined ? [] : [`changing its key since ${rotated ?? 'some time'}`]),
  ];
  return parts.join('; ');
}

function thenText(then: NonNullable<ListedClient['quota']>['whenUsedUp']): string {
  return then === 'refuse' ? 'refused' : exactBitRate(then.bytesPerSecond);
}

/** `30d` from now on; anything else as it is. */
function fromNow(text: string | undefined, now: Date): string | undefined {
  const ms = text === undefined ? undefined : parseDuration(text);
  if (ms === undefined) return text;
  const end = Math.floor((now.getTime() + ms) / 1_000) * 1_000;
  return Number.isFinite(end) && end < Date.UTC(9999, 0) ? formatExpiry(end) : text;
}

function listOf(text: string | undefined): readonly string[] | string | undefined {
  if (text === undefined || text === NONE) return text;
  return text.split(',').map((part) => part.trim());
}

const OPTION_OF: Readonly<Record<string, string>> = {
  label: '--label',
  expires: '--expires',
  rateLimit: '--rate-limit',
  quota: '--quota',
  atQuota: '--at-quota',
  publish: '--publish',
  allow: '--allow',
  deny: '--deny',
  only: '--only',
};

function messageOf(message = ''): string {
  return message.startsWith('expected') ? `${message}, or none` : message;
}
