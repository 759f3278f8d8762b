import { isIP } from 'node:net';
import { decodeAnswer, encodeQuestion } from '../../../shared/runtime/dns/dns-message.ts';
import { type FuzzTarget, promise } from '../fuzz-target.ts';

const QUESTION = { id: 0x1234, name: 'vps.example', type: 'A' } as const;
const HEADER_BYTES = 12;

/** Answers of name servers: those to another question are none, and what is read are addresses of the family that was asked for. */
export const dns: FuzzTarget = {
  name: 'dns',
  maxBytes: 700,
  seeds: () => [Uint8Array.of(0, ...answer()), Uint8Array.of(0, ...answer().subarray(0, 40))],
  run(input) {
    const type = ((input[0] ?? 0) & 1) === 0 ? 'A' : 'AAAA';
    const read = decodeAnswer(Buffer.from(input.subarray(1)), { ...QUESTION, type });
    if (read === undefined) return;
    const [high, low] = input.subarray(1, 3);
    promise(high === 0x12 && low === 0x34, 'the answer to another question was taken');
    for (const { value, ttl } of read.records) {
      promise(isIP(value) === (type === 'A' ? 4 : 6), `${value} is no ${type} record`);
      promise(ttl >= 0, `a negative time to live: ${ttl}`);
    }
  },
};

function answer(): Buffer {
  const message = encodeQuestion(QUESTION);
  message.writeUInt16BE(0x8180, 2);
  message.writeUInt16BE(2, 6);
  const alias = Buffer.from('c00c00050001000000000002c00c', 'hex');
  const record = Buffer.from('c00c000100010000003c0004c0000201', 'hex');
  promise(message.length > HEADER_BYTES, 'a question without a name');
  return Buffer.concat([message, alias, record]);
}
