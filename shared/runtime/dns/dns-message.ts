import ipaddr from 'ipaddr.js';

export type DnsType = 'A' | 'AAAA' | 'PTR';

/** One address that a name server told, or a name (PTR), with its time to live in seconds. */
export interface DnsRecord {
  readonly value: string;
  readonly ttl: number;
}

/** A question to a name server. */
export interface DnsQuestion {
  /** 16 random bits: whoever cannot see the question should not be able to answer it. */
  readonly id: number;
  /** A domain name in ASCII without trailing dot. */
  readonly name: string;
  readonly type: DnsType;
}

export interface DnsAnswer {
  /** RCODE (RFC 1035 section 4.1.1): 0 no error, 3 no such name. */
  readonly code: number;
  /** Not all of it: ask again over TCP. */
  readonly isTruncated: boolean;
  /**
   * It is no statement about the name: the server knows nothing of it and does not ask others for us, what it tells belongs to
   * other names, or the aliases (CNAME) lead around in circles.
   */
  readonly saysNothing: boolean;
  /** The addresses or names, of the name itself and of those that its aliases lead to. */
  readonly records: readonly DnsRecord[];
}

const TYPE_NUMBER: Readonly<Record<DnsType, number>> = { A: 1, AAAA: 28, PTR: 12 };
const CNAME = 5;
const CLASS_IN = 1;
const HEADER_BYTES = 12;
const RECURSION_DESIRED = 0x0100;
const IS_RESPONSE = 0x8000;
const AUTHORITATIVE = 0x0400;
const TRUNCATED = 0x0200;
const RECURSION_AVAILABLE = 0x0080;
const CODE_MASK = 0x000f;
/** Two bits that mark a name's rest as being elsewhere in the message (RFC 1035 section 4.1.4). */
const POINTER = 0xc0;

/** RFC 1035 section 2.3.4. */
const MAX_NAME_BYTES = 254;
/** Real messages have one or two to a name. */
const MAX_POINTERS = 16;
/** As real resolvers have it. */
const MAX_ALIASES = 16;

/** The question as a message (RFC 1035 section 4). */
export function encodeQuestion({ id, name, type }: DnsQuestion): Buffer {
  const labels = name.split('.').map((label) => {
    const bytes = Buffer.from(label, 'latin1');
    return Buffer.concat([Buffer.of(bytes.length), bytes]);
  });
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(RECURSION_DESIRED, 2);
  header.writeUInt16BE(1, 4);
  const tail = Buffer.alloc(5);
  tail.writeUInt16BE(TYPE_NUMBER[type], 1);
  tail.writeUInt16BE(CLASS_IN, 3);
  return Buffer.concat([header, ...labels, tail]);
}

/**
 * Reads the answer to a question, or what there is of one that says itself that it is cut off; undefined for what is none, or is
 * broken.
 */
export function decodeAnswer(message: Buffer, question: DnsQuestion): DnsAnswer | undefined {
  try {
    return readAnswer(message, question);
  } catch (error) {
    // Node's own, for a read beyond the message's end.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readAnswer(message: Buffer, question: DnsQuestion): DnsAnswer | undefined {
  const flags = message.readUInt16BE(2);
  // Id, flags and counts are not repeated; the question itself is.
  const asked = encodeQuestion(question).subarray(HEADER_BYTES);
  const echoed = message.subarray(HEADER_BYTES, HEADER_BYTES + asked.length);
  const isAnswer =
    message.readUInt16BE(0) === question.id &&
    (flags & IS_RESPONSE) !== 0 &&
    message.readUInt16BE(4) === 1 &&
    echoed.toString('latin1').toLowerCase() === asked.toString('latin1').toLowerCase();
  if (!isAnswer) return undefined;
  const isTruncated = (flags & TRUNCATED) !== 0;
  const listed = readRecords(message, HEADER_BYTES + asked.length, question.type);
  if (listed.length < message.readUInt16BE(6) && !isTruncated) return undefined;
  const { records, isEndless } = recordsOf(question, listed);
  const isReferral = listed.length === 0 && (flags & (AUTHORITATIVE | RECURSION_AVAILABLE)) === 0;
  const isOfOthers = records.length === 0 && listed.some(({ type }) => type === TYPE_NUMBER[question.type]);
  return {
    code: flags & CODE_MASK,
    isTruncated,
    saysNothing: isReferral || isOfOthers || isEndless,
    records,
  };
}

/** A record of the answer's section. */
interface ListedRecord {
  /** Whose it is; undefined for a name that cannot be read, as for a value. */
  readonly owner: string | undefined;
  readonly type: number;
  readonly ttl: number;
  readonly value: string | undefined;
}

/** As many as the message has, up to where it is cut off. */
function readRecords(message: Buffer, start: number, asked: DnsType): readonly ListedRecord[] {
  const records: ListedRecord[] = [];
  let at = start;
  for (let left = message.readUInt16BE(6); left > 0; left--) {
    try {
      const owner = readName(message, at);
      at = afterName(message, at);
      const type = message.readUInt16BE(at);
      const ttl = message.readUInt32BE(at + 4);
      const length = message.readUInt16BE(at + 8);
      const data = message.subarray(at + 10, at + 10 + length);
      if (data.length < length) break;
      let value: string | undefined;
      if (type === CNAME || (type === TYPE_NUMBER.PTR && asked === 'PTR')) value = readName(message, at + 10);
      else if (type === TYPE_NUMBER[asked] && asked !== 'PTR') value = addressOf(asked, data);
      records.push({ owner, type, ttl, value });
      at += 10 + length;
    } catch (error) {
      // Node's own, for a read beyond the message's end.
      if (error instanceof RangeError) break;
      throw error;
    }
  }
  return records;
}

/** What is told of the name itself, and of the names that its aliases lead to, in whatever order they stand. */
function recordsOf(
  { name, type }: DnsQuestion,
  listed: readonly ListedRecord[],
): { readonly records: readonly DnsRecord[]; readonly isEndless: boolean } {
  const aliasOf = (owner: string) => listed.find((one) => one.type === CNAME && one.owner === owner)?.value;
  const names = new Set<string>();
  let next: string | undefined = name.toLowerCase();
  while (next !== undefined && !names.has(next) && names.size <= MAX_ALIASES) {
    names.add(next);
    next = aliasOf(next);
  }
  const records = listed.flatMap(({ owner, type: of, ttl, value }) => {
    const isWanted = of === TYPE_NUMBER[type] && owner !== undefined && names.has(owner);
    return isWanted && value !== undefined ? [{ value, ttl }] : [];
  });
  return { records, isEndless: next !== undefined && records.length === 0 };
}

function addressOf(type: 'A' | 'AAAA', data: Buffer): string | undefined {
  return data.length === (type === 'A' ? 4 : 16) ? ipaddr.fromByteArray([...data]).toString() : undefined;
}

/** A name, whose end may be elsewhere in the message; undefined for one that is too long, or leads around in circles. */
function readName(message: Buffer, start: number): string | undefined {
  const labels: string[] = [];
  let bytes = 0;
  let at = start;
  for (let jumps = 0; jumps <= MAX_POINTERS; ) {
    const length = message.readUInt8(at);
    if (length === 0) return labels.join('.').toLowerCase();
    if ((length & POINTER) === POINTER) {
      at = message.readUInt16BE(at) & ~(POINTER << 8);
      jumps++;
    } else {
      const label = message.subarray(at + 1, at + 1 + length);
      bytes += 1 + length;
      if (bytes > MAX_NAME_BYTES || label.length < length) return undefined;
      labels.push(label.toString('latin1'));
      at += 1 + length;
    }
  }
  return undefined;
}

function afterName(message: Buffer, start: number): number {
  let at = start;
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    if ((length & POINTER) === POINTER) return at + 2;
    at += 1 + length;
  }
  return at + 1;
}
