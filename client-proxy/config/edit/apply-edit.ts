import { type Document, isAlias, isMap, isScalar, isSeq, type YAMLMap, type YAMLSeq } from 'yaml';
import { rowOf } from '../../../shared/protocol/steering/modes.ts';
import { commentOfFirst } from './comment-of-first.ts';
import { type ConfigEdit, ConfigEditError, type UplinkChoice } from './config-edit.ts';
import { editFoundUplink } from './found-uplink.ts';

/** Makes a change in a document; its comments stay. @throws ConfigEditError where it has no place for it */
export function applyEdit(document: Document, edit: ConfigEdit): void {
  if (edit.kind === 'uplink') editUplink(document, edit);
  else if (edit.kind === 'default-mode') editDefaultMode(document, edit.mode);
  else addRule(document, edit);
}

/** What of an uplink's entry says what it is used for. */
export function setUse(entry: YAMLMap, use: UplinkChoice): void {
  entry.delete('enabled');
  if (use === 'off') {
    // What it is when it is turned on again stays.
    entry.set('enabled', false);
    return;
  }
  if (use === 'backup') entry.set('backup', true);
  // A condition, such as a time of day, goes on to hold.
  else if (entry.get('backup') === true) entry.delete('backup');
}

type UplinkEdit = Extract<ConfigEdit, { kind: 'uplink' }>;

function editUplink(document: Document, edit: UplinkEdit): void {
  const entry = listedUplink(document, edit.name);
  if (entry !== undefined) setUse(entry, edit.use);
  else if (edit.found !== undefined) editFoundUplink(document, edit.found, (one) => setUse(one, edit.use));
  else throw new ConfigEditError(`uplink ${edit.name} is not in the configuration`);
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
): void {
  const steering = mapAt(document, ['steering']);
  const before = steering.get('default');
  if (!isMap(before)) {
    setKeepingComment(steering, 'default', mode);
    return;
  }
  before.set('mode', mode);
  // What means nothing in the mode is refused beside it.
  const known: readonly string[] = [
    'mode',
    'up',
    'down',
    ...Object.keys(PARAMETER_KEYS).filter((key) => takes(mode, key)),
  ];
  for (const { key } of [...before.items]) {
    const name = isScalar(key) ? String(key.value) : '';
    if (!known.includes(name)) before.delete(name);
  }
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

/** The first rule that matches decides, so it comes first; of those about the same only the last is kept. */
function addRule(document: Document, { match, action }: Extract<ConfigEdit, { kind: 'rule' }>): void {
  const rules = seqAt(mapAt(document, ['steering']), document, 'rules');
  const [[key, value]] = Object.entries(match) as [[string, string]];
  commentOfFirst(rules);
  const replaced = rules.items.filter((item) => isAboutOnly(item, key, value));
  rules.items = rules.items.filter((item) => !replaced.includes(item));
  const node = document.createNode({ [key]: value, ...action });
  const comments = replaced.flatMap((item) =>
    isMap(item) && item.commentBefore ? [item.commentBefore] : [],
  );
  if (comments.length > 0) node.commentBefore = comments.join('\n');
  rules.items.unshift(node);
  rules.flow = false;
}

function isAboutOnly(item: unknown, key: string, value: string): boolean {
  if (!isMap(item)) return false;
  const conditions = item.items.flatMap(({ key: one }) => (isScalar(one) ? [String(one.value)] : []));
  if (conditions.some((one) => CONDITIONS.has(one) && one !== key)) return false;
  return item.get(key) === value;
}

const CONDITIONS: ReadonlySet<string> = new Set(['host', 'cidr', 'port', 'user', 'between', 'protocol']);

/** The map at a key, made where there is none. */
function mapAt(document: Document, [key]: readonly [string]): YAMLMap {
  const found = document.get(key);
  if (isAlias(found)) throw shared(key);
  if (isMap(found)) return found;
  const made = document.createNode({}) as YAMLMap;
  document.set(key, made);
  return made;
}

function seqAt(map: YAMLMap, document: Document, key: string): YAMLSeq {
  const found = map.get(key);
  if (isAlias(found)) throw shared(key);
  if (isSeq(found)) return found;
  const made = document.createNode([]) as YAMLSeq;
  map.set(key, made);
  return made;
}

function shared(key: string): ConfigEditError {
  return new ConfigEditError(`${key} is an alias in the configuration (*name): change it there by hand`);
}

function setKeepingComment(map: YAMLMap, key: string, value: string): void {
  const node = map.get(key, true);
  if (isScalar(node)) node.value = value;
  else map.set(key, value);
}
