import { formatByteSize } from '../../shared/runtime/config/byte-size.ts';
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
import type { ConcentratorStatus, SessionReport, WorkerReport } from './concentrator-status.ts';

/** The status as a person reads it in a terminal. */
export function concentratorStatusText(status: ConcentratorStatus): string {
  const { program, version, ready, clients, limits, workers = [], sessions, published, time } = status;
  const head =
    `${program}  ${version}, ${ready ? 'ready' : 'shutting down'}, ${sessions.length} session(s)\n` +
    `A client may have ${limits.sessionsPerClient} sessions, ${formatByteSize(limits.memoryPerClientBytes)} of memory, ` +
    `${limits.opensPerSecond} opens a second, ${limits.dialsPerClient} dials and ${limits.namesPerClient} names at a time.\n` +
    (clients.trouble === null
      ? ''
      : `The list of clients is the last known one, since ${clients.trouble.since}: ${clients.trouble.reason}\n`);
  const blocks = [
    head,
    workersText(workers),
    ...sessions.map((session) => sessionText(session, time)),
    publishedText(published, time),
  ];
  return blocks.filter((block) => block !== '').join('\n');
}

function workersText(workers: readonly WorkerReport[]): string {
  if (workers.length === 0) return '';
  const rows = workers.map(({ worker, pid, state, sessions, load, restarts }) => [
    String(worker),
    String(pid ?? '-'),
    state,
    String(sessions),
    `${Math.round(load * 100)} %`,
    String(restarts),
  ]);
  return textTable([['WORKER', 'PID', 'STATE', 'SESSIONS', 'LOAD', 'RESTARTS'], ...rows]);
}

function publishedText(published: ConcentratorStatus['published'], now: string): string {
  if (published.length === 0) return '';
  const rows = published.map(({ listen, client, state, since, visitors }) => [
    listen,
    client,
    state,
    forText(since, now),
    String(visitors),
  ]);
  return textTable([['PUBLISHED', 'CLIENT', 'STATE', 'FOR', 'VISITORS'], ...rows]);
}

const UPLINK_HEADS = ['UPLINK', 'STATE', ...FIGURE_HEADS, 'SENT', 'RECEIVED', 'REASON'];

function sessionText(
  { client, session, state, since, streams, datagrams, uplinks }: SessionReport,
  now: string,
): string {
  const head =
    `${client}, session ${session}: ${state}, for ${forText(since, now)}, ${streams} connection(s), ` +
    `${datagrams.flows} flow(s) of UDP\n`;
  if (uplinks.length === 0) return head;
  const rows = uplinks.map((uplink) => [
    uplink.name,
    uplink.state,
    ...figureCells(uplink),
    byteText(uplink.sentBytes),
    byteText(uplink.receivedBytes),
    uplink.rateLimit === null
      ? uplink.reason
      : `${uplink.reason}, at most ${bitRateText(uplink.rateLimit.downBitsPerSecond)}`,
  ]);
  return head + textTable([UPLINK_HEADS, ...rows]) + subflowTable(uplinks, now) + udpTable(uplinks);
}
