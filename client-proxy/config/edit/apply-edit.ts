import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { rowOf } from '../../../shared/protocol/steering/modes.ts';
import { addComments, commentOfFirst, commentsOf, dropOrSet } from './comments.ts';
import { type ConfigEdit, ConfigEditError, type EditedAction, type UplinkChoice } from './config-edit.ts';
import { editFoundUplink } from './found-uplink.ts';

/** Whether a change is for good: then what a person has set, and the change would take away, is not lost by it. */
type IsForGood = boolean;

/** Makes a change in a document; its comments stay. @throws ConfigEditError where it has no place for it */
export function applyEdit(document: Document, edit: ConfigEdit, isForGood: IsForGood): void {
  if (edit.kind === 'uplink') editUplink(document, edit, isForGood);
  else if (edit.kind === 'default-mode') editDefaultMode(document, edit.mode, isForGood);
  else addRule(document, edit);
}

function setUse(entry: YAMLMap, name: string, use: UplinkChoice, isForGood: IsForGood): void {
  refuseShared(entry, name);
  for (const key of ['enabled', 'backup']) refuseShared(entry.get(key, true), key);
  if (use === 'off') {
    // What it is when it is turned on again stays.
    entry.set('enabled', false);
    return;
  }
  const hasCondition = isMap(entry.get('backup'));
  if (use === 'conditional' && !hasCondition)
    throw new ConfigEditError(
      `${name} has no condition to be a backup by: set "backup" in the configuration`,
    );
  if (use !== 'conditional' && hasCondition && isForGood) {
    throw new ConfigEditError(
      `${name} is a backup by a condition ("backup" in the configuration), which would be lost: ` +
        'make this change until a restart, or change it there by hand',
    );
  }
  dropOrSet(entry, 'enabled', true);
  if (use === 'backup') entry.set('backup', true);
  else if (use === 'on') dropOrSet(entry, 'backup', false);
}

type UplinkEdit = Extract<ConfigEdit, { kind: 'uplink' }>;

function editUplink(document: Document, { name, use, found }: UplinkEdit, isForGood: IsForGood): void {
  const change = (one: YAMLMap) => setUse(one, name, use, isForGood);
  refuseShared(document.get('uplinks', true), 'uplinks');
  const entry = listedUplink(document, name);
  if (entry !== undefined) change(entry);
  else if (found !== undefined) editFoundUplink(document, found, change);
  else throw new ConfigEditError(`uplink ${name} is not in the configuration`);
}

function listedUplink(document: Document, name: string): YAMLMap | undefined {
  const uplinks = document.get('uplinks');
  const list = isMap(uplinks) ? uplinks.get('list') : uplinks;
  if (!isSeq(list)) return undefined;
  return list.items.find((item): item is YAMLMap => isMap(item) && item.get('name') === name);
}

function editDefaultMode(
  document: Document,
  mode: Extract<ConfigEdit, { kind: 'default-mode' }>['mode'],
  isForGood: IsForGood,
): void {
  const steering = mapAt(document, 'steering');
  const before = steering.get('default', true);
  refuseShared(before, 'steering.default');
  if (!isMap(before)) {
    setKeepingComment(steering, 'default', mode);
    return;
  }
  refuseShared(before.get('mode', true), 'steering.default.mode');
  // What means nothing in the mode is refused beside it; a direction with a mode of its own would not go by it.
  const lost = keysOf(before).filter((key) => key !== 'mode' && !takes(mode, key));
  if (lost.length > 0 && isForGood) {
    throw new ConfigEditError(
      `steering.default has ${lost.join(' and ')}, which would be lost: make this change until a restart, or change it there by hand`,
    );
  }
  for (const key of lost) before.delete(key);
  setKeepingComment(before, 'mode', mode);
}

/** As the file calls the parameters of a mode. */
const PARAMETER_KEYS = {
  order: 'order',
  weights: 'weights',
  maxRtt: 'maxRttMs',
  maxLoss: 'maxLoss',
} as const;

function takes(mode: Extract<ConfigEdit, { kind: 'default-mode' }>['mode'], key: string): boolean {
  const parameters: Readonly<Record<string, unknown>> = rowOf(mode).parameters;
  return parameters[PARAMETER_KEYS[key as keyof typeof PARAMETER_KEYS]] !== undefined;
}

/** The first rule that matches decides, so it comes first; of those about the same only one is kept, with all their comments. */
function addRule(document: Document, { match, action }: Extract<ConfigEdit, { kind: 'rule' }>): void {
  const rules = seqAt(mapAt(document, 'steering'), document, 'rules');
  const [[key, value]] = Object.entries(match) as [[string, string]];
  commentOfFirst(rules);
  const [replaced, ...others] = rules.items.filter((item) => isAboutOnly(item, key, value)) as YAMLMap[];
  for (const one of [replaced, ...others]) refuseShared(one, 'a rule about the same');
  rules.items = rules.items.filter((item) => item !== replaced && !others.includes(item as YAMLMap));
  const rule = replaced ?? (document.createNode({ [key]: value }) as YAMLMap);
  setAction(rule, action, document);
  addComments(rule, others.flatMap(commentsOf));
  rules.items.unshift(rule);
  rules.flow = false;
}

/** What a rule does, in place of what it did; comments at that stay. */
function setAction(rule: YAMLMap, action: EditedAction, document: Document): void {
  const [[key, value]] = Object.entries(action) as [[string, string | true]];
  const before = rule.items.filter((pair) => isScalar(pair.key) && !CONDITIONS.has(String(pair.key.value)));
  const pair = document.createPair(key, value);
  const comments = before.flatMap(commentsOf);
  if (comments.length > 0) (pair.value as Node).comment = comments.join(';');
  rule.items = [...rule.items.filter((one) => !before.includes(one)), pair];
}

function isAboutOnly(item: unknown, key: string, value: string): boolean {
  if (!isMap(item)) return false;
  if (keysOf(item).some((one) => CONDITIONS.has(one) && one !== key)) return false;
  return String(item.get(key)).toLowerCase() === value.toLowerCase();
}

function keysOf(map: YAMLMap): readonly string[] {
  return map.items.flatMap(({ key }) => (isScalar(key) ? [String(key.value)] : []));
}

const CONDITIONS: ReadonlySet<string> = new Set(['host', 'cidr', 'port', 'user', 'between', 'protocol']);

/** The map at a key, made where there is none. */
function mapAt(document: Document, key: string): YAMLMap {
  const found = document.get(key, true);
  refuseShared(found, key);
  if (isMap(found)) return found;
  const made = document.createNode({}) as YAMLMap;
  if (isNode(found)) addComments(made, commentsOf(found));
  document.set(key, made);
  return made;
}

function seqAt(map: YAMLMap, document: Document, key: string): YAMLSeq {
  const found = map.get(key, true);
  refuseShared(found, key);
  if (isSeq(found)) return found;
  const made = document.createNode([]) as YAMLSeq;
  if (isNode(found)) addComments(made, commentsOf(found));
  map.set(key, made);
  return made;
}

/** What other places of the file name, too, would change there as well. */
function refuseShared(node: unknown, what: string): void {
  if (!isAlias(node) && !(isNode(node) && node.anchor)) return;
  throw new ConfigEditError(
    `${what} is shared in the configuration (an anchor, &name, or an alias, *name): change it there by hand`,
  );
}

function setKeepingComment(map: YAMLMap, key: string, value: string): void {
  const node = map.get(key, true);
  if (isScalar(node)) node.value = value;
  else map.set(key, value);
}
