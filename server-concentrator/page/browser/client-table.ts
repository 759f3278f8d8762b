import { colourOf } from '../../../shared/page-browser/colours.ts';
import { html, useState } from '../../../shared/page-browser/lib/htm-preact.js';
import { bytesText, rateText, sinceText } from '../../../shared/page-browser/words.ts';
import type { PageQuery, SortKey } from '../page-query.ts';
import type { ClientView, PageView } from '../page-view.ts';
import { ClientDetails } from './client-details.ts';
import { countText, limitText, moodOf, STATE_WORDS } from './words.ts';

/** Which clients are shown, and how others are asked for. */
export interface Asking {
  readonly asked: Omit<PageQuery, 'afterMs'>;
  readonly onAsk: (change: Partial<Asking['asked']>) => void;
}

interface TableProps extends Asking {
  readonly view: PageView;
}

interface Column {
  readonly key: SortKey;
  readonly head: string;
  /** The class of its cells: what narrow screens leave out. */
  readonly kind: 'text' | 'rate' | 'more' | 'most';
  readonly cell: (client: ClientView, view: PageView) => unknown;
}

/** After the client's name. */
const COLUMNS: readonly Column[] = [
  { key: 'down', head: 'Down', kind: 'rate', cell: ({ down }) => rateText(down) },
  { key: 'up', head: 'Up', kind: 'rate', cell: ({ up }) => rateText(up) },
  { key: 'uplinks', head: 'Uplinks', kind: 'more', cell: (client) => html`<${Uplinks} client=${client} />` },
  { key: 'streams', head: 'Connections', kind: 'more', cell: ({ streams }) => countText(streams) },
  {
    key: 'used',
    head: 'Carried',
    kind: 'more',
    cell: ({ sentBytes, receivedBytes }) => bytesText(sentBytes + receivedBytes),
  },
  {
    key: 'since',
    head: 'Connected for',
    kind: 'most',
    cell: ({ sinceMs }, { timeMs }) => sinceText(timeMs - sinceMs),
  },
];

/** The clients, one a row, each with its details on demand. */
export function ClientTable({ view, asked, onAsk }: TableProps) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const { rows, clients, top } = view;
  const toggle = (client: string) => {
    const next = new Set(open);
    if (!next.delete(client)) next.add(client);
    setOpen(next);
  };
  const places = new Map(top.map(({ name }, i) => [name, i]));
  return html`
    <section class="panel" aria-labelledby="clients-title">
      <div class="panel-head">
        <h2 id="clients-title">Clients</h2>
        <p class="shown quiet" role="status">${shownText(rows.length, clients.matching, asked.filter)}</p>
        <input
          class="filter" type="search" placeholder="Name, uplink, silent, limited" aria-label="Show only clients with"
          value=${asked.filter} onInput=${({ target }: { readonly target: HTMLInputElement }) => onAsk({ filter: target.value })}
        />
      </div>
      ${
        rows.length === 0
          ? html`<p class="notice">${clients.connected === 0 ? 'No client is connected.' : 'No client matches.'}</p>`
          : html`
            <table class="clients">
              <thead>
                <tr>
                  <${Head} column=${{ key: 'client', head: 'Client', kind: 'text' }} asked=${asked} onAsk=${onAsk} />
                  ${COLUMNS.map((column) => html`<${Head} column=${column} asked=${asked} onAsk=${onAsk} />`)}
                </tr>
              </thead>
              ${rows.map(
                (client) =>
                  html`<${Row}
                    key=${client.client} client=${client} view=${view} place=${places.get(client.client)}
                    isOpen=${open.has(client.client)} onToggle=${toggle}
                  />`,
              )}
            </table>
          `
      }
    </section>
  `;
}

function shownText(shown: number, matching: number, filter: string): string {
  if (shown < matching) return `${countText(shown)} of ${countText(matching)} shown`;
  return filter === '' ? '' : `${countText(matching)} found`;
}

interface HeadProps extends Asking {
  readonly column: Pick<Column, 'key' | 'head' | 'kind'>;
}

/** Pressed once more, it turns the order round. */
function Head({ column: { key, head, kind }, asked: { sort, isDescending }, onAsk }: HeadProps) {
  const isSorted = sort === key;
  const press = () => onAsk({ sort: key, isDescending: isSorted ? !isDescending : key !== 'client' });
  const order = !isSorted ? 'none' : isDescending ? 'descending' : 'ascending';
  return html`
    <th class=${kind} scope="col" aria-sort=${order}>
      <button type="button" onClick=${press}>
        ${head}<span class="order" aria-hidden="true">${!isSorted ? '' : isDescending ? ' ▾' : ' ▴'}</span>
      </button>
    </th>
  `;
}

interface RowProps {
  readonly client: ClientView;
  readonly view: PageView;
  /** Among the busiest: its colour. */
  readonly place: number | undefined;
  readonly isOpen: boolean;
  readonly onToggle: (client: string) => void;
}

function Row({ client, view, place, isOpen, onToggle }: RowProps) {
  const { client: name, state, limits } = client;
  const id = `details-${name}`;
  return html`
    <tbody data-client=${name} class=${isOpen ? 'open' : ''}>
      <tr>
        <th class="text" scope="row">
          <button type="button" aria-expanded=${isOpen} aria-controls=${id} onClick=${() => onToggle(name)}>
            <i class="dot ${place === undefined ? 'rest' : colourOf(place)}" aria-hidden="true"></i>
            <span class="name">${name}</span>
          </button>
          ${state === 'lingering' && html`<span class="pill ${moodOf(state)}">${STATE_WORDS[state]}</span>`}
          ${limits.length > 0 && html`<span class="pill doubtful" title=${limits.map(limitText).join(', ')}>limited</span>`}
        </th>
        ${COLUMNS.map(({ key, kind, cell }) => html`<td class=${kind} data-figure=${key}>${cell(client, view)}</td>`)}
      </tr>
      <tr id=${id} class="details" hidden=${!isOpen}>
        ${isOpen && html`<td colspan=${COLUMNS.length + 1}><${ClientDetails} client=${client} timeMs=${view.timeMs} /></td>`}
      </tr>
    </tbody>
  `;
}

/** How many, and a part of a bar for what each carries. */
function Uplinks({ client: { sessions } }: { readonly client: ClientView }) {
  const uplinks = sessions.flatMap((session) => session.uplinks).filter(({ state }) => state !== 'gone');
  const whole = uplinks.reduce((sum, { down, up }) => sum + down + up, 0);
  return html`
    <span class="uplinks">
      <span>${uplinks.length}</span>
      <span class="shares" aria-hidden="true">
        ${uplinks.map(
          ({ state, down, up }, i) =>
            html`<i class="${colourOf(i)} ${moodOf(state)}" style=${{ flexGrow: whole > 0 ? (down + up) / whole : 0 }}></i>`,
        )}
      </span>
    </span>
  `;
}
