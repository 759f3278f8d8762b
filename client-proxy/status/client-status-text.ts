import {
  bitRateText,
  FIGURE_HEADS,
  figureCells,
  forText,
  subflowTable,
  textTable,
} from '../../shared/runtime/observe/status-text.ts';
import { udpTable } from '../../shared/runtime/observe/udp-report.ts';
import { byteText } from '../../shared/runtime/text/byte-text.ts';
import type { ClientStatus, UplinkReport } from './client-status.ts';

/** The status as a person reads it in a terminal. */
export function clientStatusText(status: ClientStatus): string {
  const { session, fallback, steering, time, uplinks, published, leftOut } = status;
  const since = session.since === null ? '' : ` for ${forText(session.since, time)}`;
  const draining = session.draining === 0 ? '' : `, ${session.draining} earlier one(s) draining`;
  const facts = textTable([
    [status.program, `${status.version}, ${status.ready ? 'ready' : 'not ready'}`],
    status.mode === 'direct'
      ? ['mode', 'direct: no concentrator; each connection goes over one uplink']
      : ['session', `${session.state}${since}${draining}`],
    ...(fallback.active ? [['fallback', 'new connections go directly, outside of the tunnel']] : []),
    ['socks', status.socksListen.join(', ')],
    [
      'connections',
      `${session.streams} over ${status.concentrators.length > 1 ? 'concentrators' : 'the concentrator'}, ${directOf(uplinks)} direct`,
    ],
    ['UDP', udpText(status)],
    ['steering', `${steering.default}; ${rulesText(steering)}`],
  ]);
  const blocks = [
    facts,
    uplinks.length === 0
      ? 'no uplink\n'
      : textTable([UPLINK_HEADS, ...uplinks.map((uplink) => uplinkCells(uplink, time))]),
    subflowTable(uplinks, time),
    udpTable(uplinks),
    concentratorTable(status),
    directTable(uplinks),
    costsOf(uplinks),
    publishedText(published, time),
    leftOut.map((one) => `left out: ${one.interface}: ${one.reason}\n`).join(''),
  ];
  return blocks.filter((block) => block !== '').join('\n');
}

function udpText({ mode, datagrams }: ClientStatus): string {
  const { carried, applications, flows } = datagrams;
  const without = carried || mode === 'direct' ? '' : '; not over the concentrator now';
  return `${flows} flow(s) of ${applications} application(s)${without}`;
}

function publishedText(published: ClientStatus['published'], now: string): string {
  if (published.length === 0) return '';
  const isAtSeveral = new Set(published.map(({ concentrator }) => concentrator)).size > 1;
  const rows = published.map(({ concentrator, listen, to, state, since, connections, reason }) => [
    isAtSeveral ? `${listen} of ${concentrator}` : listen,
    to,
    state,
    forText(since, now),
    String(connections),
    reason,
  ]);
  return textTable([['PUBLISHED', 'TO', 'STATE', 'FOR', 'VISITORS', 'REASON'], ...rows]);
}

/** Told where there are several. */
function concentratorTable({ concentrators, time }: ClientStatus): string {
  if (concentrators.length < 2) return '';
  const rows = concentrators.map((one) => {
    const { name, state, since, sessions, streams, flows, roundTripMs, lossRatio, reason } = one;
    return [
      name,
      state,
      since === null ? '' : forText(since, time),
      roundTripMs === null ? '' : `${roundTripMs} ms`,
      lossRatio === null ? '' : `${(lossRatio * 100).toFixed(1)} %`,
      String(sessions),
      String(streams),
      String(flows),
      one.chosen ? 'chosen' : one.standing ? 'kept ready' : 'in use',
      reason,
    ];
  });
  return textTable([CONCENTRATOR_HEADS, ...rows]);
}

const CONCENTRATOR_HEADS = [
  ...['CONCENTRATOR', 'STATE', 'FOR', 'RTT', 'LOSS', 'SESSIONS', 'STREAMS', 'UDP', 'ROLE', 'REASON'],
];
const UPLINK_HEADS = ['UPLINK', 'STATE', 'FOR', ...FIGURE_HEADS, 'SENT', 'RECEIVED', 'REASON'];

function uplinkCells(uplink: UplinkReport, now: string): string[] {
  return [
    uplink.name,
    uplink.state,
    forText(uplink.since, now),
    ...figureCells(uplink),
    byteText(uplink.sentBytes + uplink.direct.sentBytes),
    byteText(uplink.receivedBytes + uplink.direct.receivedBytes),
    uplink.reason,
  ];
}

function rulesText({ rules, holdingRules }: ClientStatus['steering']): string {
  return `${rules} rule(s)${holdingRules === rules ? '' : `, ${holdingRules} of them at this time`}`;
}

function directOf(uplinks: readonly UplinkReport[]): number {
  return uplinks.reduce((sum, { direct }) => sum + direct.connections, 0);
}

/** What is known of the uplinks from connections that went directly over whichever served best. */
function directTable(uplinks: readonly UplinkReport[]): string {
  const rows = uplinks.flatMap(({ name, direct }) => {
    const { connections, connectMs, rateBitsPerSecond: rate, suspect } = direct;
    if (connectMs === null && rate === null && !suspect) return [];
    return [
      [
        name,
        `${connections}`,
        connectMs === null ? '' : `${connectMs} ms`,
        rate === null ? '' : bitRateText(rate),
        suspect ? 'comes last: it failed where others did not' : '',
      ],
    ];
  });
  return rows.length === 0 ? '' : textTable([['UPLINK', 'DIRECT', 'CONNECT', 'RATE', 'NOTE'], ...rows]);
}

/** What metered plans have used, rate limits, and what uplinks cost. */
function costsOf(uplinks: readonly UplinkReport[]): string {
  const rows = uplinks.flatMap(({ name, plan, metered, rateLimit, costPerGB }, index) => {
    // Said once of a plan, with its first uplink.
    const isTold = uplinks.findIndex((other) => other.plan === plan) < index;
    const used = (isTold ? [] : (metered ?? [])).map(({ period, sentBytes, receivedBytes, capBytes }) => {
      const bytes = byteText(sentBytes + receivedBytes);
      return `${bytes}${capBytes === null ? '' : ` of ${byteText(capBytes)}`} this ${period}`;
    });
    const { downBitsPerSecond: down = null, upBitsPerSecond: up = null } = rateLimit ?? {};
    if (down !== null) used.push(`at most ${bitRateText(down)} down`);
    if (up !== null) used.push(`at most ${bitRateText(up)} up`);
    if (costPerGB !== null) used.push(`${costPerGB} per GB now`);
    return used.length === 0 ? [] : [[name, plan ?? name, used.join(', ')]];
  });
  return rows.length === 0 ? '' : textTable([['UPLINK', 'PLAN', 'COST'], ...rows]);
}
