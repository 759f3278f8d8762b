import { html } from './lib/htm-preact.js';

interface ChoiceProps<T> {
  /** For a screen reader. */
  readonly legend: string;
  /** Of the group, as no other on the page. */
  readonly name: string;
  readonly value: T;
  readonly options: readonly (readonly [value: T, text: string])[];
  readonly onChange: (value: T) => void;
}

/** One of a few, side by side. */
export function Choice<T extends string | number>({
  legend,
  name,
  value,
  options,
  onChange,
}: ChoiceProps<T>) {
  return html`
    <fieldset class="choice">
      <legend class="visually-hidden">${legend}</legend>
      ${options.map(
        ([one, text]) => html`
          <label>
            <input type="radio" name=${name} checked=${one === value} onChange=${() => onChange(one)} />
            <span>${text}</span>
          </label>
        `,
      )}
    </fieldset>
  `;
}
