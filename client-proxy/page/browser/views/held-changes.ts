import { html } from '../../../../shared/page-browser/lib/htm-preact.js';
import type { PageView } from '../../page-view.ts';
import { useActing } from '../base/acting.ts';

/** The changes that the next start forgets; each can be taken back. */
export function HeldChanges({ held }: Pick<PageView, 'held'>) {
  const undoing = useActing();
  return html`
    <div class="held">
      <b>Until the next start:</b>
      <ul>
        ${held.map(
          ({ subject, text }) => html`
            <li key=${subject}>
              ${text}
              <button
                type="button" disabled=${undoing.isBusy} aria-label=${`Undo ${text}`}
                onClick=${() => undoing.run('undo', { subject }, `Undone: ${text}`, () => {})}
              >Undo</button>
            </li>
          `,
        )}
      </ul>
      ${undoing.error !== '' && html`<p class="error" role="alert">${undoing.error}</p>`}
    </div>
  `;
}
