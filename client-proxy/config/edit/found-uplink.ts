import { type Document, isAlias, isMap, isNode, isSeq, type YAMLMap, type YAMLSeq } from 'yaml';
import { matchesPattern } from '../../network/name-pattern.ts';
import { addComments, commentOfFirst, commentsOf } from './comments.ts';
import { ConfigEditError } from './config-edit.ts';

/** What an entry of `uplinks.settings` may go by. */
const MATCH_KEYS = ['match', 'mac', 'usbPath', 'iccid'] as const;

/**
 * Changes the settings of an uplink that was found: those that are for its interface alone. Where they are for several, it gets a copy
 * of its own in front of them, since the first that matches counts.
 * @throws ConfigEditError where that would not mean the same
 */
export function editFoundUplink(document: Document, device: string, change: (entry: YAMLMap) => void): void {
  const settings = settingsOf(document);
  const index = settings.items.findIndex((item) => isMap(item) && mayMatch(item, device));
  const found = settings.items[index] as YAMLMap | undefined;
  if (found !== undefined && isForOne(found, device)) {
    change(found);
    return;
  }
  commentOfFirst(settings);
  const own = found === undefined ? (document.createNode({}) as YAMLMap) : copyOf(found, device);
  own.items.unshift(document.createPair('match', device));
  change(own);
  settings.items.splice(Math.max(0, index), 0, own);
  settings.flow = false;
}

function settingsOf(document: Document): YAMLSeq {
  const before = document.get('uplinks', true);
  if (isAlias(before))
    throw new ConfigEditError('uplinks is an alias in the configuration: change it by hand');
  if (!isMap(before)) {
    const made = document.createNode({ auto: true });
    if (isNode(before)) addComments(made, commentsOf(before));
    document.set('uplinks', made);
  }
  const uplinks = document.get('uplinks') as YAMLMap;
  const settings = uplinks.get('settings');
  if (isSeq(settings)) return settings;
  const made = document.createNode([]) as YAMLSeq;
  uplinks.set('settings', made);
  return made;
}

/** What the hardware is called is not known here: such an entry may be for this interface. */
function mayMatch(entry: YAMLMap, device: string): boolean {
  const pattern = entry.get('match');
  return typeof pattern !== 'string' || matchesPattern(device, pattern);
}

function isForOne(entry: YAMLMap, device: string): boolean {
  const [first, ...others] = MATCH_KEYS.filter((key) => entry.has(key));
  return first === 'match' && others.length === 0 && entry.get('match') === device;
}

function copyOf(entry: YAMLMap, device: string): YAMLMap {
  const matches = MATCH_KEYS.filter((key) => entry.has(key));
  if (matches.some((key) => key !== 'match')) {
    throw new ConfigEditError(
      `an entry of uplinks.settings goes by ${matches.join(' and ')}, and may be for ${device}: change it there by hand`,
    );
  }
  if (entry.has('metered') && !entry.has('plan')) {
    throw new ConfigEditError(
      `what ${device} uses counts together with all of "${String(entry.get('match'))}" in uplinks.settings: ` +
        'give that entry a plan, or change it by hand',
    );
  }
  const copy = entry.clone() as YAMLMap;
  copy.delete('match');
  copy.commentBefore = null;
  return copy;
}
