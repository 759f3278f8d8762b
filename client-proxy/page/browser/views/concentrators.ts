import { html } from '../../../../shared/page-browser/lib/htm-preact.js';
import { msText, sinceText } from '../../../../shared/page-browser/words.ts';
import type { ConcentratorView } from '../../page-view.ts';
import { type ConcentratorNote, concentratorPill, notesOf } from '../base/concentrators.ts';
import type { ShownView } from '../base/shown.ts';
import { lossText } from '../base/words.ts';

interface ConcentratorsProps extends Pick<ShownView, 'view' | 'concentratorChanges'> {
  /** Notes of what has happened that are listed. */
  readonly most: number;
}

/** The concentrators, where there are several, and what has happened to them. */
export function Concentrators({ view, concentratorChanges, most }: ConcentratorsProps) {
  const { concentrators, timeMs } = view;
  if (concentrators.length === 0) return null;
  const notes = notesOf(concentratorChanges, concentrators).slice(0, most);
  return html`
    <section aria-labelledby="concentrators-title">
      <h2 id="concentrators-title">Concentrators</h2>
      <ul class="cards">
        ${concentrators.map((one) => html`<${Card} key=${one.name} concentrator=${one} timeMs=${timeMs} />`)}
      </ul>
      <${ConcentratorNotes} notes=${notes} />
    </section>
  `;
}

/** What has happened to them, in words; nothing where nothing has. */
export function ConcentratorNotes({ notes }: { readonly notes: readonly ConcentratorNote[] }) {
  if (notes.length === 0) return null;
  return html`
    <ol class="faults concentrator-notes">
      ${notes.map(
        ({ concentrator, text, reason, mood }) => html`
          <li>
            <i class="dot mood-${mood}" aria-hidden="true"></i>
            <span><b>${concentrator}</b> ${text}</span>
            <span class="quiet">${reason}</span>
          </li>
        `,
      )}
    </ol>
  `;
}

function Card({
  concentrator,
  timeMs,
}: {
  readonly concentrator: ConcentratorView;
  readonly timeMs: number;
}) {
  const { name, sinceMs, reason, roundTripMs, lossRatio, connections, sessions } = concentrator;
  const { text, mood } = concentratorPill(concentrator);
  const connected = sinceMs === null ? '' : `connected for ${sinceText(timeMs - sinceMs)}`;
  return html`
    <li class="card ${mood}" data-concentrator=${name}>
      <div class="card-head">
        <h3>${name}</h3>
        <span class="pill ${mood}">${text}</span>
      </div>
      <p class="reason">${[reason, connected].filter((part) => part !== '').join('; ')}</p>
      <dl>
        <div><dt>round trip</dt><dd data-figure="rtt">${msText(roundTripMs)}</dd></div>
        <div><dt>loss</dt><dd data-figure="loss">${lossText(lossRatio)}</dd></div>
        <div><dt>connections</dt><dd data-figure="connections">${connections}</dd></div>
        ${sessions > 1 && html`<div><dt>sessions</dt><dd data-figure="sessions">${sessions}</dd></div>`}
      </dl>
    </li>
  `;
}
