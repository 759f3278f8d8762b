import { colourOf } from '../../../../shared/page-browser/colours.ts';
import { html } from '../../../../shared/page-browser/lib/htm-preact.js';
import { type Fault, faultText } from '../base/changes.ts';

interface FaultListProps {
  readonly faults: readonly Fault[];
  /** Of the uplinks, in the order of their colours. */
  readonly names: readonly string[];
}

/** Faults in words, the latest first. */
export function FaultList({ faults, names }: FaultListProps) {
  if (faults.length === 0) return html`<p class="quiet faults-none">No uplink has failed.</p>`;
  return html`
    <ol class="faults">
      ${faults.map(
        (fault) => html`
          <li>
            <i class="dot ${colourOf(Math.max(0, names.indexOf(fault.uplink)))}" aria-hidden="true"></i>
            <span><b>${fault.uplink}</b> ${faultText(fault)}</span>
            <span class="quiet">${fault.reason}</span>
          </li>
        `,
      )}
    </ol>
  `;
}
