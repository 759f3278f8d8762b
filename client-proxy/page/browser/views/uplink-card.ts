import { html } from '../../../../shared/page-browser/lib/htm-preact.js';
import { bytesText, msText, percentText, rateOf, sinceText } from '../../../../shared/page-browser/words.ts';
import type { CapView, PageView, UplinkView } from '../../page-view.ts';
import { moodOf, STATE_WORDS } from '../base/words.ts';

interface CardProps {
  readonly uplink: UplinkView;
  /** Among the uplinks: its colour. */
  readonly index: number;
  readonly view: PageView;
}

export function UplinkCard({ uplink, index, view: { sum, timeMs } }: CardProps) {
  const { name, state, reason, sinceMs, down, up } = uplink;
  const mood = moodOf(state);
  return html`
    <li class="card ${mood}" data-uplink=${name}>
      <div class="card-head">
        <i class="dot u${index % 8}" aria-hidden="true"></i>
        <h3>${name}</h3>
        <span class="pill ${mood}">${STATE_WORDS[state]}</span>
      </div>
      <p class="reason">
        ${state === 'in-use' && reason === 'in use' ? '' : `${reason}, `}for ${sinceText(timeMs - sinceMs)}
      </p>
      <div class="rates">
        <${Rate} arrow="↓" word="down" bitsPerSecond=${down} />
        <${Rate} arrow="↑" word="up" bitsPerSecond=${up} />
      </div>
      <dl>
        <div><dt>share</dt><dd data-figure="share">${percentText(down + up, sum.down + sum.up)}</dd></div>
        <div><dt>round trip</dt><dd data-figure="rtt">${msText(uplink.rttMs)}</dd></div>
        <div><dt>at least</dt><dd data-figure="min-rtt">${msText(uplink.minRttMs)}</dd></div>
        <div><dt>received</dt><dd data-figure="received">${bytesText(uplink.receivedBytes)}</dd></div>
        <div><dt>sent</dt><dd data-figure="sent">${bytesText(uplink.sentBytes)}</dd></div>
        ${
          uplink.directConnections > 0 &&
          html`<div><dt>direct</dt><dd data-figure="direct">${uplink.directConnections}</dd></div>`
        }
      </dl>
      ${shownCaps(uplink.caps).map((cap) => html`<${Cap} cap=${cap} name=${name} />`)}
    </li>
  `;
}

interface RateProps {
  readonly arrow: string;
  readonly word: string;
  readonly bitsPerSecond: number;
}

function Rate({ arrow, word, bitsPerSecond }: RateProps) {
  const { number, unit } = rateOf(bitsPerSecond);
  return html`
    <p data-figure=${word} data-value=${bitsPerSecond}>
      <span class="arrow" aria-hidden="true">${arrow}</span><span class="visually-hidden">${word}</span>
      <b>${number}</b> <small>${unit}</small>
    </p>
  `;
}

/** Those that limit; of a plan without, what the month has used. */
function shownCaps(caps: readonly CapView[]): readonly CapView[] {
  const limits = caps.filter(({ capBytes }) => capBytes !== null);
  return limits.length > 0 ? limits : caps.filter(({ period }) => period === 'month');
}

function Cap({ cap: { period, usedBytes, capBytes }, name }: { cap: CapView; name: string }) {
  if (capBytes === null) return html`<p class="cap">${bytesText(usedBytes)} this ${period}</p>`;
  const ratio = usedBytes / capBytes;
  return html`
    <div class="cap ${ratio >= 1 ? 'bad' : ratio >= 0.8 ? 'doubtful' : 'good'}">
      <p><b>${bytesText(usedBytes)}</b> of ${bytesText(capBytes)} this ${period}</p>
      <progress max="1" value=${Math.min(1, ratio)} aria-label=${`${name}: used of its cap for the ${period}`}></progress>
    </div>
  `;
}
