import { Choice } from '../../../../shared/page-browser/choice.ts';
import { html } from '../../../../shared/page-browser/lib/htm-preact.js';

/** How long a change lasts. */
export type LastsValue = 'until-restart' | 'in-file';

interface LastsProps {
  readonly value: LastsValue;
  readonly onChange: (value: LastsValue) => void;
  /** The configuration's file, once it is known. */
  readonly file: string | undefined;
}

const OPTIONS: readonly (readonly [LastsValue, string])[] = [
  ['until-restart', 'until a restart'],
  ['in-file', 'for good'],
];

/** The choice of it, with what it means. */
export function Lasts({ value, onChange, file = 'the configuration' }: LastsProps) {
  return html`
    <div class="lasts">
      <${Choice} legend="How long it lasts" name="lasts" value=${value} options=${OPTIONS} onChange=${onChange} />
      <p class="quiet hint">${value === 'in-file' ? `It is written into ${file}; its comments stay.` : 'The client forgets it when it is started again.'}</p>
    </div>
  `;
}
