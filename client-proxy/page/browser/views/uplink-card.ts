import { colourOf } from '../../../../shared/page-browser/colours.ts';
import { html } from '../../../../shared/page-browser/lib/htm-preact.js';
import {
  bytesText,
  dateText,
  msText,
  percentText,
  rateOf,
  sinceText,
} from '../../../../shared/page-browser/words.ts';
import type { CapView, PageView, UplinkView } from '../../page-view.ts';
import { lossText, pillOf, UDP_WORDS } from '../base/words.ts';

interface CardProps {
  readonly uplink: UplinkView;
  /** Among the uplinks: its colour. */
  readonly index: number;
  readonly view: PageView;
  /** Somebody wants to change what it is used for. */
  readonly onChange: () => void;
}

export function UplinkCard({ uplink, index, view: { sum, timeMs }, onChange }: CardProps) {
  const { name, state, reason, sinceMs, down, up } = uplink;
  const { text, mood } = pillOf(uplink);
  return html`
    <li class="card ${mood}" data-uplink=${name}>
      <div class="card-head">
        <i class="dot ${colourOf(index)}" aria-hidden="true"></i>
        <h3>${name}</h3>
        <span class="pill ${mood}">${text}</span>
        <button type="button" class="plain" aria-label=${`Change the use of ${name}`} onClick=${onChange}>⋯</button>
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
        <div><dt>loss</dt><dd data-figure="loss">${lossText(uplink.lossRatio)}</dd></div>
        <div><dt>jitter</dt><dd data-figure="jitter">${msText(uplink.jitterMs)}</dd></div>
        <div><dt>UDP</dt><dd data-figure="udp">${uplink.udp === null ? '–' : UDP_WORDS[uplink.udp.state]}</dd></div>
        <div><dt>received</dt><dd data-figure="received">${bytesText(uplink.receivedBytes)}</dd></div>
        <div><dt>sent</dt><dd data-figure="sent">${bytesText(uplink.sentBytes)}</dd></div>
        ${
          uplink.directConnections > 0 &&
          html`<div><dt>direct</dt><dd data-figure="direct">${uplink.directConnections}</dd></div>`
        }
      </dl>
      ${hasNoUdp(uplink) && html`<p class="reason">UDP: ${uplink.udp!.reason}</p>`}
      ${shownCaps(uplink.caps).map((cap) => html`<${Cap} cap=${cap} name=${name} />`)}
    </li>
  `;
}

function hasNoUdp({ udp, state }: UplinkView): boolean {
  const isUp = state === 'in-use' || state === 'backup';
  return isUp && (udp?.state === 'silent' || udp?.state === 'unvalidated');
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

function Cap({ cap: { period, usedBytes, capBytes, untilMs }, name }: { cap: CapView; name: string }) {
  if (capBytes === null) return html`<p class="cap">${bytesText(usedBytes)} this ${period}</p>`;
  const ratio = usedBytes / capBytes;
  const isReached = ratio >= 1;
  return html`
    <div class="cap ${isReached ? 'bad' : ratio >= 0.8 ? 'doubtful' : 'good'}">
      <p>
        <b>${bytesText(usedBytes)}</b> of ${bytesText(capBytes)} this ${period}${isReached && `: used up until ${dateText(untilMs)}`}
      </p>
      <progress max="1" value=${Math.min(1, ratio)} aria-label=${`${name}: used of its cap for the ${period}`}></progress>
    </div>
  `;
}
