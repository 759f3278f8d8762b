import { type Document, isMap, isScalar, type Pair, YAMLMap, type YAMLSeq } from 'yaml';
import { formatDestination } from '../../shared/protocol/destination.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import { formatClientKey } from '../../shared/runtime/identity/client-key.ts';
import { isConcentratorName, type JoinLink, MAX_LINKS } from '../../shared/runtime/identity/link.ts';
import { ONLY_CONCENTRATOR } from '../config/client-config.ts';

/** What became of a link. */
export interface TakenLink {
  readonly name: string;
  readonly isNew: boolean;
  /** A file that has to hold the key, as the configuration names it; absent: it stands in the configuration. */
  readonly keyFile?: string;
}

const LIST = 'concentrators';
const ONLY = 'concentrator';
const CLIENT = 'client';

/**
 * Has the configuration say what a link says: of the concentrator that it is about, by its pin, its address or its name; else of one more.
 * All else stays, with its comments. @param mayAdd false: it must be about one that is there. Throws UsageError.
 */
export function takeLink(document: Document, link: JoinLink, mayAdd: boolean): TakenLink {
  const entries = entriesOf(document);
  const known = entries.find((entry) => isAbout(entry, link));
  const only = document.get(ONLY, true);
  if (known !== undefined) return update(document, known, link);
  if (entries.length === 0) return first(document, link);
  if (!mayAdd) {
    if (isMap(only)) return update(document, only, link);
    const names = entries.map(nameOf).join(', ');
    throw new UsageError(
      `the link is about none of the concentrators that there are (${names}); without --update join adds it`,
    );
  }
  if (entries.length >= MAX_LINKS)
    throw new UsageError(`there are ${MAX_LINKS} concentrators already: take one out by "leave"`);
  return add(document, link);
}

/** Takes a concentrator out. Throws UsageError. */
export function takeOut(document: Document, name: string): void {
  const entries = entriesOf(document);
  const names = entries.map(nameOf);
  const index = names.indexOf(name);
  if (index < 0)
    throw new UsageError(`there is no concentrator "${name}": there are ${names.join(', ') || 'none'}`);
  if (entries.length === 1)
    throw new UsageError(`"${name}" is the only concentrator: "join" with another link first`);
  document.deleteIn([LIST, index]);
}

function entriesOf(document: Document): YAMLMap[] {
  const list = document.get(LIST, true) as YAMLSeq | undefined;
  if (list !== undefined) return list.items.filter((one) => isMap(one));
  const only = document.get(ONLY, true);
  return isMap(only) ? [only] : [];
}

function nameOf(entry: YAMLMap): string {
  return String(entry.get('name') ?? ONLY_CONCENTRATOR);
}

function isAbout(entry: YAMLMap, link: JoinLink): boolean {
  if (link.name !== undefined && entry.get('name') === link.name) return true;
  const texts = (key: string) => [entry.toJSON()[key] ?? []].flat().map(String);
  const hasPin = link.pins.some(({ text }) => texts('pin').includes(text));
  const hasAddress = link.addresses.some((address) =>
    texts('addresses').includes(formatDestination(address)),
  );
  // Machines of one identity are told apart by their names.
  return hasAddress || (hasPin && (link.name === undefined || !entry.has('name')));
}

function update(document: Document, entry: YAMLMap, link: JoinLink): TakenLink {
  fill(document, entry, link);
  const isListed = entry.has('name');
  const client = document.get(CLIENT, true);
  const isOwn = isListed && ['id', 'key', 'keyFile'].some((key) => entry.has(key));
  const place = isOwn || !isMap(client) ? entry : client;
  const isShared = isListed && !isOwn && entriesOf(document).length > 1;
  if (isShared) return { name: nameOf(entry), isNew: false, ...own(document, entry, link) };
  place.set('id', link.clientId);
  const keyFile = place.get('keyFile');
  if (typeof keyFile === 'string') return { name: nameOf(entry), isNew: false, keyFile };
  place.set('key', formatClientKey(link.clientKey));
  return { name: nameOf(entry), isNew: false };
}

/** Where `client` is that of several, only what differs from it stands in the entry. */
function own(document: Document, entry: YAMLMap, link: JoinLink): object {
  const key = formatClientKey(link.clientKey);
  const client = document.get(CLIENT, true);
  const isSame = isMap(client) && client.get('id') === link.clientId && client.get('key') === key;
  if (isSame) return {};
  entry.set('id', link.clientId);
  entry.set('key', key);
  return {};
}

function fill(document: Document, entry: YAMLMap, { addresses, pins }: JoinLink): void {
  const texts = pins.map(({ text }) => text);
  entry.set('addresses', document.createNode(addresses.map(formatDestination)));
  entry.set('pin', document.createNode(texts.length === 1 ? texts[0] : texts));
}

/** There is none yet, as with `mode: direct`. */
function first(document: Document, link: JoinLink): TakenLink {
  const entry = new YAMLMap();
  fill(document, entry, link);
  document.set(ONLY, entry);
  document.set(CLIENT, document.createNode({ id: link.clientId, key: formatClientKey(link.clientKey) }));
  return { name: ONLY_CONCENTRATOR, isNew: true };
}

function add(document: Document, link: JoinLink): TakenLink {
  const list = listOf(document);
  const name = freeName(
    link,
    list.items.map((one) => nameOf(one as YAMLMap)),
  );
  const entry = new YAMLMap();
  entry.set('name', name);
  fill(document, entry, link);
  own(document, entry, link);
  list.add(entry);
  return { name, isNew: true };
}

/** The list, into which the only concentrator moves with a name; by default that of its address. */
export function listOf(document: Document, wished?: string): YAMLSeq {
  const list = document.get(LIST, true) as YAMLSeq | undefined;
  if (list !== undefined) return list;
  const { items } = document.contents as YAMLMap;
  const pair = items.find(({ key }) => isScalar(key) && key.value === ONLY) as Pair<unknown, unknown>;
  const entry = pair.value as YAMLMap;
  const address = String((entry.toJSON() as { addresses: readonly string[] }).addresses[0]);
  const name = wished ?? nameFrom(address.replace(/:\d+$/, ''), []);
  entry.items.unshift(document.createPair('name', name));
  const made = document.createNode([]) as YAMLSeq;
  made.add(entry);
  if (isScalar(pair.key)) pair.key.value = LIST;
  pair.value = made;
  return made;
}

function freeName({ name, addresses: [address] }: JoinLink, taken: readonly string[]): string {
  return nameFrom(name ?? address!.host, taken);
}

/** A name like this that none has. */
function nameFrom(text: string, taken: readonly string[]): string {
  const base = isConcentratorName(text) ? text : ONLY_CONCENTRATOR;
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base.slice(0, 29)}-${number}`;
    if (!taken.includes(name)) return name;
  }
}
