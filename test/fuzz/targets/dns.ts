import { isIP } from 'node:net';
import { decodeAnswer, encodeQuestion } from '../../../shared/runtime/dns/dns-message.ts';
import { type FuzzTarget, promise } from '../fuzz-target.ts';

const QUESTION = { id: 0x1234, name: 'vps.example', type: 'A' } as const;
const TYPES = ['A', 'AAAA', 'PTR'] as const;
const HEADER_BYTES = 12;

/** Answers of name servers: those to another question are none, and what is read is what was asked for: addresses of a family, or names. */
export const dns: FuzzTarget = {
  name: 'dns',
  maxBytes: 700,
  seeds: () => [
    Uint8Array.of(0, ...answer()),
    Uint8Array.of(0, ...answer().subarray(0, 40)),
    Uint8Array.of(2, ...nameAnswer()),
  ],
  run(input) {
    const type = TYPES[(input[0] ?? 0) % TYPES.length]!;
    const read = decodeAnswer(Buffer.from(input.subarray(1)), { ...QUESTION, type });
    if (read === undefined) return;
    const [high, low] = input.subarray(1, 3);
    promise(high === 0x12 && low === 0x34, 'the answer to another question was taken');
    for (const { value, ttl } of read.records) {
      if (type === 'PTR') promise(value.length <= 253, `a name of ${value.length} characters`);
      else promise(isIP(value) === (type === 'A' ? 4 : 6), `${value} is no ${type} record`);
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

/** Two names, one whose end is that of the question. */
function nameAnswer(): Buffer {
  const message = encodeQuestion({ ...QUESTION, type: 'PTR' });
  message.writeUInt16BE(0x8180, 2);
  message.writeUInt16BE(2, 6);
  const whole = Buffer.from('c00c000c00010000003c000704686f7374016100', 'hex');
  const pointing = Buffer.from('c00c000c00010000003c00040161c010', 'hex');
  return Buffer.concat([message, whole, pointing]);
}
