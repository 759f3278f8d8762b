import { describe, expect, it } from 'vitest';
import { type DnsQuestion, decodeAnswer, encodeQuestion } from '../../../shared/runtime/dns/dns-message.ts';

const QUESTION: DnsQuestion = { id: 0xabcd, name: 'www.example.org', type: 'A' };
const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

const ASKED = '03 777777 07 6578616d706c65 03 6f7267 00 0001 0001';
/** An alias and two addresses, names by pointer. */
const ANSWER = hex(`
  abcd 8180 0001 0003 0000 0000 ${ASKED}
  c00c 0005 0001 0000003c 0006 03 6f6e65 c010
  c02d 0001 0001 0000003c 0004 c6290004
  03 6f6e65 c010 0001 0001 0000000a 0004 c6290005`);

describe('a DNS message', () => {
  it('asks, as in RFC 1035', () => {
    expect(encodeQuestion(QUESTION)).toEqual(hex(`abcd 0100 0001 0000 0000 0000 ${ASKED}`));
    expect(encodeQuestion({ ...QUESTION, type: 'AAAA' }).readUInt16BE(29)).toBe(28);
  });

  it('brings the addresses of all aliases', () => {
    expect(decodeAnswer(ANSWER, QUESTION)).toEqual({
      code: 0,
      isTruncated: false,
      saysNothing: false,
      records: [
        { value: '198.41.0.4', ttl: 60 },
        { value: '198.41.0.5', ttl: 10 },
      ],
    });
  });

  it.each([
    ['of another name', '', '05 6f74686572 c010', [], true],
    ['of another name, in front of those of the name', '', '05 6f74686572 c010', ['198.41.0.5'], false],
    ['of an alias, in front of it', '05 6f74686572 c010', '05 6f74686572 c010', ['198.41.0.4'], false],
    ['none, of an alias', '05 6f74686572 c010', '', [], false],
    ['none, of an alias of itself', 'c00c', '', [], true],
  ])('with addresses %s', (_, alias, owner, values, saysNothing) => {
    const address = (whose: string, last: string) => `${whose} 0001 0001 0000003c 0004 c62900${last}`;
    const records = [
      ...(owner ? [address(owner, '04')] : []),
      ...(alias ? [`c00c 0005 0001 0000003c ${alias === 'c00c' ? '0002' : '0008'} ${alias}`] : []),
      ...(values.includes('198.41.0.5') ? [address('c00c', '05')] : []),
    ];
    const bytes = hex(`abcd 8180 0001 000${records.length} 0000 0000 ${ASKED} ${records.join(' ')}`);
    const read = decodeAnswer(bytes, QUESTION);
    expect(read?.records.map(({ value }) => value)).toEqual(values);
    expect(read?.saysNothing).toBe(saysNothing);
  });

  it('follows aliases that go around in circles, or on for ever, to an end', () => {
    const name = (at: number) => `02 ${Buffer.from(String(10 + at)).toString('hex')} 00`;
    const chain = (length: number, last: string) =>
      Array.from({ length }, (_, at) => {
        const target = at === length - 1 ? last : name(at);
        return `${at === 0 ? 'c00c' : name(at - 1)} 0005 0001 0000003c 0004 ${target}`;
      });
    const read = (records: readonly string[]) => {
      const count = records.length.toString(16).padStart(4, '0');
      return decodeAnswer(hex(`abcd 8180 0001 ${count} 0000 0000 ${ASKED} ${records.join(' ')}`), QUESTION);
    };
    const address = (owner: string) => `${owner} 0001 0001 0000003c 0004 c6290004`;
    expect(read(chain(5, name(0)))).toMatchObject({ saysNothing: true, records: [] });
    expect(read([...chain(5, name(4)), address(name(4))])?.records).toHaveLength(1);
    expect(read([...chain(40, name(39)), address(name(39))])).toMatchObject({
      saysNothing: true,
      records: [],
    });
  });

  it('brings IPv6 addresses', () => {
    const asked = ASKED.replace('00 0001 0001', '00 001c 0001');
    const bytes = hex(`abcd 8180 0001 0001 0000 0000 ${asked}
      c00c 001c 0001 0000003c 0010 26200 0fe 0000 0000 0000 0000 0000 00fe`);
    expect(decodeAnswer(bytes, { ...QUESTION, type: 'AAAA' })?.records).toEqual([
      { value: '2620:fe::fe', ttl: 60 },
    ]);
  });

  it('brings the names of an address, whose ends may be elsewhere', () => {
    const asked = '01 37 04 61727061 00 000c 0001';
    const read = (records: string, count = '0001') =>
      decodeAnswer(hex(`abcd 8180 0001 ${count} 0000 0000 ${asked} ${records}`), {
        id: 0xabcd,
        name: '7.arpa',
        type: 'PTR',
      })?.records.map(({ value }) => value);
    const head = 'c00c 000c 0001 0000003c';
    expect(read(`${head} 0008 04 486f7374 01 61 00`)).toEqual(['host.a']);
    expect(read(`${head} 0004 01 61 c00e ${head} 0002 c00e`, '0002')).toEqual(['a.arpa', 'arpa']);
    // To itself, or beyond the end.
    expect(read(`${head} 0002 c024`)).toEqual([]);
    expect(read(`${head} 0002 c0ff`)).toBeUndefined();
    const endless = `${'3f'.padEnd(128, '61')}`.repeat(4);
    expect(read(`${head} 0102 ${endless} c024`)).toEqual([]);
  });

  it('says that there is no such name, or more over TCP', () => {
    expect(decodeAnswer(hex(`abcd 8183 0001 0000 0000 0000 ${ASKED}`), QUESTION)?.code).toBe(3);
    expect(decodeAnswer(hex(`abcd 8380 0001 0000 0000 0000 ${ASKED}`), QUESTION)?.isTruncated).toBe(true);
  });

  it('counts for its question alone, in whatever case that is repeated', () => {
    const changed = (at: number, value: number) => {
      const copy = Buffer.from(ANSWER);
      copy[at] = value;
      return copy;
    };
    expect(decodeAnswer(changed(0, 0xac), QUESTION)).toBeUndefined();
    expect(decodeAnswer(changed(2, 0x01), QUESTION)).toBeUndefined();
    expect(decodeAnswer(changed(5, 2), QUESTION)).toBeUndefined();
    expect(decodeAnswer(changed(13, 0x78), QUESTION)).toBeUndefined();
    expect(decodeAnswer(changed(30, 28), QUESTION)).toBeUndefined();
    expect(decodeAnswer(changed(13, 0x57), QUESTION)).toBeDefined();
  });

  it('cut off anywhere is none', () => {
    for (let length = 0; length < ANSWER.length; length++) {
      expect(decodeAnswer(ANSWER.subarray(0, length), QUESTION)).toBeUndefined();
    }
  });

  it('cut off anywhere behind the question is what there is of it, where it says so itself', () => {
    const truncated = Buffer.from(ANSWER);
    truncated.writeUInt16BE(0x8380, 2);
    const counts = new Set<number | undefined>();
    for (let length = 33; length <= ANSWER.length; length++) {
      const read = decodeAnswer(truncated.subarray(0, length), QUESTION);
      expect(read?.isTruncated).toBe(true);
      counts.add(read?.records.length);
    }
    expect(counts).toEqual(new Set([0, 1, 2]));
  });

  it('of random bytes behind the question ends all the same', () => {
    for (let seed = 1; seed < 2_000; seed++) {
      const copy = Buffer.from(ANSWER);
      for (let at = 6; at < copy.length; at += 1 + (seed % 7)) {
        if (at < 8 || at > 32) copy[at] = Math.imul(seed, at * 2654435761) >>> 24;
      }
      expect(() => decodeAnswer(copy, QUESTION)).not.toThrow();
    }
  });
});
