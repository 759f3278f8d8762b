import { html } from '../../../shared/page-browser/lib/htm-preact.js';
import { bytesText, clockText, msText, rateText, sinceText } from '../../../shared/page-browser/words.ts';
import type { ClientUplinkView, ClientView, SessionView } from '../page-view.ts';
import { counted, limitText, moodOf, STATE_WORDS } from './words.ts';

interface DetailsProps {
  readonly client: ClientView;
  readonly timeMs: number;
}

/** The sessions of a client with their uplinks, and the limits that it has met. */
export function ClientDetails({ client, timeMs }: DetailsProps) {
  const { sessions, limits, streams, sentBytes, receivedBytes } = client;
  return html`
    <div class="sessions">
      <p class="quiet" data-of="list">${listFacts(client).join(' · ')}</p>
      <p class="quiet narrow">
        ${[counted(streams, 'connection'), `sent ${bytesText(sentBytes)}`, `received ${bytesText(receivedBytes)}`].join(' · ')}
      </p>
      ${
        limits.length > 0 &&
        html`<p class="limits">
        At a limit: ${limits.map((limit, i) => html`${i > 0 && ', '}<b>${limitText(limit)}</b>, last at ${clockText(limit.atMs)}`)}
      </p>`
      }
      ${sessions.map((session) => html`<${Session} key=${session.id} session=${session} timeMs=${timeMs} />`)}
    </div>
  `;
}

/** What the list says of it, and what it has used of that. */
function listFacts({ label, monthBytes, quotaBytes, rateBitsPerSecond, expiresMs }: ClientView): string[] {
  const used = bytesText(monthBytes);
  const ofQuota = quotaBytes === null ? '' : ` of ${bytesText(quotaBytes)}`;
  return [
    ...(label === null ? [] : [label]),
    `${used}${ofQuota} this month (UTC)`,
    ...(rateBitsPerSecond === null ? [] : [`at most ${rateText(rateBitsPerSecond)} each way`]),
    ...(expiresMs === null
      ? []
      : [`until ${new Date(expiresMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`]),
  ];
}

function Session({ session, timeMs }: { readonly session: SessionView; readonly timeMs: number }) {
  const { id, state, sinceMs, streams, associations, flows, uplinks } = session;
  const facts = [
    `for ${sinceText(timeMs - sinceMs)}`,
    counted(streams, 'connection'),
    ...(flows > 0 ? [`${counted(flows, 'UDP flow')} of ${counted(associations, 'application')}`] : []),
  ];
  return html`
    <section class="session" aria-label=${`Session ${id}`}>
      <h3>
        Session <code>${id}</code> <span class="pill ${moodOf(state)}">${STATE_WORDS[state]}</span>
        <span class="quiet">${facts.join(' · ')}</span>
      </h3>
      <ul class="uplink-list">
        ${uplinks.map((uplink) => html`<${Uplink} key=${uplink.name} uplink=${uplink} />`)}
      </ul>
    </section>
  `;
}

function Uplink({ uplink }: { readonly uplink: ClientUplinkView }) {
  const { name, state, reason, down, up, subflows, from, rttMs, minRttMs, sentBytes, receivedBytes } = uplink;
  const { udp, limitBitsPerSecond } = uplink;
  const figures: readonly (readonly [name: string, word: string, value: string])[] = [
    ['down', 'down', rateText(down)],
    ['up', 'up', rateText(up)],
    ['rtt', 'round trip', msText(rttMs)],
    ['min-rtt', 'at least', msText(minRttMs)],
    ['sent', 'sent', bytesText(sentBytes)],
    ['received', 'received', bytesText(receivedBytes)],
    ...(udp === null ? [] : [['udp', 'UDP', udp] as const]),
    ...(limitBitsPerSecond === null
      ? []
      : [['limit', 'at most down', rateText(limitBitsPerSecond)] as const]),
  ];
  return html`
    <li data-uplink=${name}>
      <p>
        <b>${name}</b> <span class="pill ${moodOf(state)}">${STATE_WORDS[state]}</span>
        <span class="quiet">
          ${state === 'in-use' || state === 'gone' ? '' : `${reason}; `}${
            subflows > 0 && `${counted(subflows, 'subflow')} from ${from.join(', ')}`
          }
        </span>
      </p>
      <dl>
        ${figures.map(([key, word, value]) => html`<div><dt>${word}</dt><dd data-figure=${key}>${value}</dd></div>`)}
      </dl>
    </li>
  `;
}
