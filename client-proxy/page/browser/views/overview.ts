import { CarriedPanel } from '../../../../shared/page-browser/carried-panel.ts';
import { colourOf } from '../../../../shared/page-browser/colours.ts';
import { html, useState } from '../../../../shared/page-browser/lib/htm-preact.js';
import type { Direction } from '../../../../shared/page-browser/samples.ts';
import { rateOf, rateText } from '../../../../shared/page-browser/words.ts';
import type { PageView } from '../../page-view.ts';
import { type Fault, faultMarks, faultsOf } from '../base/changes.ts';
import type { ShownView, View } from '../base/shown.ts';
import { gainOf } from '../base/words.ts';
import { Concentrators } from './concentrators.ts';
import { FaultList } from './fault-list.ts';
import { HeldChanges } from './held-changes.ts';
import { type Changing, SettingsDialog } from './settings-dialogs.ts';
import { UplinkCard } from './uplink-card.ts';

/** The uplinks side by side, their sum, and what they carried of late. */
export const OVERVIEW: View = { id: 'overview', title: 'Overview', Show: Overview };

/** Faults that are listed, and what has happened to concentrators; the chart marks all that it reaches. */
const MAX_LISTED = 8;

function Overview({ view, changes, concentratorChanges, samples }: ShownView) {
  const { uplinks } = view;
  const names = uplinks.map(({ name }) => name);
  const faults = faultsOf(changes, uplinks);
  const [changing, setChanging] = useState<Changing | undefined>(undefined);
  return html`
    <section class="together" aria-label="All uplinks together">
      <${Together} view=${view} direction="down" />
      <${Together} view=${view} direction="up" />
    </section>
    <section aria-labelledby="uplinks-title">
      <div class="panel-head">
        <h2 id="uplinks-title">Uplinks</h2>
        <p class="mode"><span class="quiet">Mode</span> <b data-figure="mode">${view.steering}</b> <button type="button" onClick=${() => setChanging('mode')} aria-label="Change the default mode">Change</button></p>
      </div>
      ${view.held.length > 0 && html`<${HeldChanges} held=${view.held} />`}
      ${uplinks.length === 0 && html`<p class="notice">No interface is an uplink.</p>`}
      <ul class="cards">
        ${uplinks.map(
          (uplink, i) =>
            html`<${UplinkCard} key=${uplink.name} uplink=${uplink} index=${i} view=${view} onChange=${() => setChanging({ uplink: uplink.name })} />`,
        )}
      </ul>
      ${
        view.leftOut.length > 0 &&
        html`<details class="left-out">
        <summary>${view.leftOut.length} interface(s) left out</summary>
        <ul>${view.leftOut.map((one) => html`<li><b>${one.interface}</b> ${one.reason}</li>`)}</ul>
      </details>`
      }
    </section>
    ${changing !== undefined && html`<${SettingsDialog} changing=${changing} onClose=${() => setChanging(undefined)} />`}
    <${Concentrators} view=${view} concentratorChanges=${concentratorChanges} most=${MAX_LISTED} />
    <${Carried} samples=${samples} names=${names} faults=${faults} endMs=${view.timeMs} />
  `;
}

const ARROWS = { down: '↓', up: '↑' } as const;

function Together({ view, direction }: { view: PageView; direction: Direction }) {
  const sum = view.sum[direction];
  const best = view.best[direction];
  const { number, unit } = rateOf(sum);
  const gain = best === null ? undefined : gainOf(sum, best.bitsPerSecond);
  return html`
    <div class="sum" data-direction=${direction}>
      <p class="label"><span aria-hidden="true">${ARROWS[direction]}</span> ${direction === 'down' ? 'Down' : 'Up'}, all uplinks</p>
      <p class="figure">${number} <small>${unit}</small></p>
      <div class="shares" aria-hidden="true">
        ${view.uplinks.map(
          (uplink, i) =>
            html`<i class=${colourOf(i)} style=${{ flexGrow: sum > 0 ? uplink[direction] / sum : 0 }}></i>`,
        )}
      </div>
      <p class="beside">
        ${
          best === null
            ? sum === 0
              ? 'nothing to carry now'
              : 'nothing to compare it with now'
            : html`${gain === undefined ? 'no more than' : html`<b>${gain} ×</b>`} the best alone: ${best.name}, ${rateText(best.bitsPerSecond)}`
        }
      </p>
    </div>
  `;
}

interface CarriedProps extends Pick<ShownView, 'samples'> {
  readonly names: readonly string[];
  readonly faults: readonly Fault[];
  readonly endMs: number;
}

function Carried({ samples, names, faults, endMs }: CarriedProps) {
  return html`
    <${CarriedPanel}
      title="What each uplink carried" what="each uplink" samples=${samples} names=${names}
      marks=${faultMarks(faults)} endMs=${endMs}
    >
      ${faults.length > 0 && html`<h3>Faults</h3>`}
      <${FaultList} faults=${faults.slice(0, MAX_LISTED)} names=${names} />
    <//>
  `;
}
