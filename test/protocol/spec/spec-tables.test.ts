import { createHmac } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { MESSAGE_KIND } from '../../../shared/protocol/codec/datagram-message.ts';
import {
  FEATURE,
  FIRST_IGNORABLE_TYPE,
  FRAME_TYPE,
  HELLO_PARAMETER,
  PROTOCOL_VERSION,
  REQUEST_PARAMETER,
  WELCOME_PARAMETER,
} from '../../../shared/protocol/codec/wire.ts';
import {
  ERROR_CODE,
  type ErrorName,
  errorName,
  SOCKS_REPLY,
  socksReplyFor,
} from '../../../shared/protocol/errors.ts';
import { rowOf, STEERING_MODE_NAMES } from '../../../shared/protocol/steering/modes.ts';
import { SUBFLOW_ALPN, subflowExporter } from '../../../shared/runtime/subflow/subflow-tls.ts';
import { type ExampleFrame, exampleBlocks, exampleInputs, SPEC, tableRows } from './spec-text.ts';
import { specName } from './worked-exchange.ts';

const HEX_ROWS = tableRows(SPEC, /^0x/);
const FRAMES = HEX_ROWS.filter(([, name]) => /^[A-Z_]+$/.test(name!));
const GAPS = HEX_ROWS.filter(([, reason]) => !/^\w+$/.test(reason!));
const NUMBERED = tableRows(SPEC, /^\d$/);
const ERRORS = HEX_ROWS.filter(([, name]) => /^[a-z]\w*$/.test(name!));

/** A cell without its backticks. */
const plain = (cell: string | undefined) => cell?.replaceAll('`', '');

describe('the tables of SPEC.md', () => {
  it('name the frame types of the code, all of them', () => {
    const ofCode = Object.entries(FRAME_TYPE).map(([name, type]) => [specName(name), type]);
    expect(FRAMES.map(([code, name]) => [name, Number(code)])).toEqual(ofCode);
  });

  it('give each frame type to the section that describes it', () => {
    const headings = [...SPEC.matchAll(/^##+ (?:(\d+)\. )?(.+)$/gm)];
    let section = '';
    const sections = new Map<string, string>();
    for (const [, number, title] of headings) {
      section = number ?? section;
      sections.set(title!, section);
    }
    for (const [, name, , number] of FRAMES) expect([name, sections.get(name!)]).toEqual([name, number]);
  });

  it('give a reason for every frame type that is missing', () => {
    const explained = GAPS.flatMap(([range]) => {
      const [first = 0, last = first] = [...range!.matchAll(/0x[0-9a-f]{2}/g)].map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
    const all = [...explained, ...FRAMES.map(([code]) => Number(code))];
    expect(all.sort((a, b) => a - b)).toEqual([...Array(0x100).keys()]);
    expect(FIRST_IGNORABLE_TYPE).toBe(0x80);
  });

  it('name the error codes of the code, all of them', () => {
    expect(Object.fromEntries(ERRORS.map(([code, name]) => [name, Number(code)]))).toEqual(ERROR_CODE);
  });

  it.each(ERRORS.map(([, name, , reply]) => [name as ErrorName, reply!] as const))(
    'give the SOCKS5 reply of %s',
    (name, reply) => {
      expect(socksReplyFor(name)).toBe(reply === '' ? SOCKS_REPLY.generalFailure : Number(reply.slice(0, 4)));
    },
  );

  it('are read back by code; an unknown one is internalError', () => {
    for (const [name, code] of Object.entries(ERROR_CODE)) expect(errorName(code)).toBe(name);
    for (const code of [0x03, 0x7f, 0x8b, 0xffff]) expect(errorName(code)).toBe('internalError');
  });

  it('name the steering modes of the code, all of them', () => {
    const modes = NUMBERED.filter(([, mode]) => /^[a-z-]+$/.test(mode!)).map(([value, mode]) => [
      mode,
      Number(value),
    ]);
    const ofCode = STEERING_MODE_NAMES.map((mode) => [mode, rowOf(mode).wire]);
    expect(Object.fromEntries(modes)).toEqual(Object.fromEntries(ofCode));
    for (const [mode] of modes) expect(SPEC).toContain(`\n- \`${mode}\`: `);
  });

  it('name the kinds of messages of the code, all of them', () => {
    const kinds = NUMBERED.filter(([, kind]) => /^[A-Z]+$/.test(kind!)).map(([value, kind]) => [
      kind!.toLowerCase(),
      Number(value),
    ]);
    expect(Object.fromEntries(kinds)).toEqual(MESSAGE_KIND);
  });

  it('name the features of the code, all of them', () => {
    const features = tableRows(SPEC, /^(inbound|datagrams)$/).map(([name, bit]) => [name, 2 ** Number(bit)]);
    expect(Object.fromEntries(features)).toEqual(FEATURE);
  });

  it('name the parameters of handshake messages', () => {
    const parameters = tableRows(SPEC, /^(WELCOME|HELLO|HELLO, JOIN)$/).map(([message, type]) => [
      message,
      type,
    ]);
    const ofCode = [
      ...Object.values(WELCOME_PARAMETER).map((type) => ['WELCOME', String(type)]),
      ...Object.values(REQUEST_PARAMETER).map((type) => ['HELLO, JOIN', String(type)]),
      ...Object.values(HELLO_PARAMETER).map((type) => ['HELLO', String(type)]),
    ];
    expect(parameters.filter(([, type]) => /^\d$/.test(type!))).toEqual(ofCode);
  });
});

describe('the labels of SPEC.md', () => {
  const frames = exampleBlocks(SPEC).flatMap((block) => block.frames);
  const inputs = exampleInputs(SPEC);
  const body = ({ fields }: ExampleFrame) => Buffer.concat(fields.slice(4).map(({ bytes }) => bytes));
  const frame = (name: string) => frames.find((one) => one.name === name)!;

  it.each([
    { name: 'HELLO', subflow: 0 },
    { name: 'WELCOME', behind: 'HELLO', subflow: 0 },
    { name: 'JOIN', subflow: 1 },
    { name: 'JOINED', behind: 'JOIN', subflow: 1 },
  ])('give the MAC of $name as its table says', ({ name, behind, subflow }) => {
    const [row] = tableRows(SPEC, new RegExp(`^${name}$`)).filter(([, label]) => label!.startsWith('`'));
    const whole = body(frame(name));
    const mac = createHmac('sha256', inputs.get('key')!)
      .update(plain(row![1])!, 'ascii')
      .update(inputs.get(`exporter of subflow ${subflow}`)!)
      .update(behind === undefined ? Buffer.alloc(0) : body(frame(behind)))
      .update(whole.subarray(0, -32))
      .digest('hex');
    expect(whole.subarray(-32).toString('hex')).toBe(mac);
  });

  it('are those of the TLS connection', () => {
    const asked: unknown[] = [];
    const socket = {
      exportKeyingMaterial(...args: unknown[]) {
        asked.push(...args);
        return Buffer.alloc(0);
      },
    };
    subflowExporter(socket as unknown as TLSSocket);
    const [, bytes, label] = /compute (\d+) bytes with the TLS exporter .*?`(\S+)`/s.exec(SPEC)!;
    expect(asked).toEqual([Number(bytes), label, Buffer.alloc(0)]);
    expect(/the application protocol `(\S+)`/.exec(SPEC)?.[1]).toBe(SUBFLOW_ALPN);
    expect(Number(/^# Tributary protocol, version (\d+)$/m.exec(SPEC)?.[1])).toBe(PROTOCOL_VERSION);
  });
});
