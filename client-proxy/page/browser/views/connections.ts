import { Choice } from '../../../../shared/page-browser/choice.ts';
import { colourOf } from '../../../../shared/page-browser/colours.ts';
import { html, useState } from '../../../../shared/page-browser/lib/htm-preact.js';
import { bytesText, rateText, sinceText } from '../../../../shared/page-browser/words.ts';
import type {
  ConnectionOrder,
  ConnectionReport,
  ConnectionRow,
} from '../../../connections/connection-table.ts';
import { useData } from '../base/client.ts';
import type { ShownView, View } from '../base/shown.ts';
import { ConnectionDialog } from './connection-dialog.ts';

/** What applications have open: where to, which way and why, and what each uplink carries of it. */
export const CONNECTIONS: View = { id: 'connections', title: 'Connections', Show: Connections };

/** Rows at first, and after one has asked for more: the client tells no more. */
const ROWS = 100;
const MOST_ROWS = 500;

const COLUMNS: readonly {
  readonly order?: ConnectionOrder;
  readonly title: string;
  readonly name: string;
}[] = [
  { order: 'destination', title: 'Destination', name: 'destination' },
  { order: 'user', title: 'Application', name: 'application' },
  { title: 'Way', name: 'way' },
  { order: 'rate', title: 'Rate', name: 'rate' },
  { order: 'bytes', title: 'Bytes', name: 'bytes' },
  { title: 'Over', name: 'over' },
  { order: 'age', title: 'Age', name: 'age' },
];
const ORDERS = COLUMNS.flatMap(({ order, title }) => (order === undefined ? [] : [[order, title] as const]));

interface Sorting {
  readonly order: ConnectionOrder;
  readonly isReversed: boolean;
}

function Connections({ view }: ShownView) {
  const [sorting, setSorting] = useState<Sorting>({ order: 'rate', isReversed: false });
  const [filter, setFilter] = useState('');
  const [limit, setLimit] = useState(ROWS);
  const [open, setOpen] = useState<ConnectionRow | undefined>(undefined);
  const report = useData<ConnectionReport>('connections', {
    ...{ order: sorting.order, filter, limit: String(limit) },
    ...(sorting.isReversed ? { reversed: '1' } : {}),
  });
  const names = view.uplinks.map(({ name }) => name);
  const sort = (order: ConnectionOrder) =>
    setSorting({ order, isReversed: sorting.order === order && !sorting.isReversed });
  return html`
    <section class="panel" aria-labelledby="connections-title">
      <div class="panel-head">
        <h2 id="connections-title">Connections</h2>
        <p class="quiet" data-figure="shown">${report && shownText(report)}</p>
        <input
          type="search" class="filter" placeholder="Filter: name, user, uplink, mode" aria-label="Filter the connections"
          value=${filter} onInput=${({ target }: InputEvent) => setFilter((target as HTMLInputElement).value)}
        />
      </div>
      <div class="sorting">
        <${Choice} legend="Sort by" name="order" value=${sorting.order} options=${ORDERS} onChange=${sort} />
      </div>
      ${report === undefined && html`<p class="notice">Asking the client what is open…</p>`}
      ${report?.matching === 0 && html`<p class="notice">${report.open === 0 ? 'No application has anything open.' : 'Nothing that is open has all these words.'}</p>`}
      ${
        report !== undefined &&
        report.matching > 0 &&
        html`<table class="connections" role="table" aria-labelledby="connections-title">
          <${Head} sorting=${sorting} sort=${sort} />
          <tbody role="rowgroup">
            ${report.rows.map(
              (row) =>
                html`<${Row} key=${row.id} row=${row} names=${names} nowMs=${view.timeMs} onOpen=${() => setOpen(row)} />`,
            )}
          </tbody>
        </table>`
      }
      ${
        report !== undefined &&
        report.rows.length < Math.min(report.matching, MOST_ROWS) &&
        html`<p class="more"><button type="button" onClick=${() => setLimit(MOST_ROWS)}>Show more</button></p>`
      }
    </section>
    ${open && html`<${ConnectionDialog} key=${open.id} row=${open} uplinks=${names} onClose=${() => setOpen(undefined)} />`}
  `;
}

function Head({ sorting, sort }: { sorting: Sorting; sort: (order: ConnectionOrder) => void }) {
  const isSorted = (order: ConnectionOrder | undefined) => order === sorting.order;
  return html`
    <thead role="rowgroup">
      <tr role="row">
        ${COLUMNS.map(
          ({ order, title, name }) => html`
            <th
              scope="col" role="columnheader" class=${`c-${name}`}
              aria-sort=${isSorted(order) ? (isAscending(sorting) ? 'ascending' : 'descending') : undefined}
            >
              ${
                order === undefined
                  ? title
                  : html`<button type="button" class="plain" onClick=${() => sort(order)}>${title}${isSorted(order) && html`<span aria-hidden="true"> ${isAscending(sorting) ? '↑' : '↓'}</span>`}</button>`
              }
            </th>
          `,
        )}
        <th scope="col" role="columnheader"><span class="visually-hidden">Actions</span></th>
      </tr>
    </thead>
  `;
}

/** Names come from a to z, and figures from the most to the least, unless reversed. */
function isAscending({ order, isReversed }: Sorting): boolean {
  return (order === 'destination' || order === 'user') !== isReversed;
}

interface RowProps {
  readonly row: ConnectionRow;
  readonly names: readonly string[];
  readonly nowMs: number;
  readonly onOpen: () => void;
}

function Row({ row, names, nowMs, onOpen }: RowProps) {
  const { destination, name, protocol, user, from, way, isDirect, concentrator, rule, sinceMs, uplinks } =
    row;
  const sum = (of: (share: ConnectionRow['uplinks'][number]) => number) =>
    uplinks.reduce((all, share) => all + of(share), 0);
  return html`
    <tr role="row" data-connection=${destination}>
      <td role="cell" class="c-destination">
        <b>${name ?? hostOf(destination)}</b><span class="quiet">${name === null ? portOf(destination) : ` ${destination}`}</span>
        ${protocol === 'udp' && html` <span class="tag">UDP</span>`}
      </td>
      <td role="cell" class="c-application">${user !== null && html`<b>${user}</b> `}<span class="quiet">${from}</span></td>
      <td role="cell" class="c-way">
        <span class="tag ${isDirect ? 'direct' : ''}">${way}</span>
        ${concentrator !== null && html` <span class="tag" data-figure="concentrator">${concentrator}</span>`}
        ${rule !== null && html`<span class="quiet rule" title=${rule}>${rule}</span>`}
      </td>
      <td role="cell" class="c-rate">
        <${Rate} arrow="↓" value=${sum(({ down }) => down)} /><${Rate} arrow="↑" value=${sum(({ up }) => up)} />
      </td>
      <td role="cell" class="c-bytes">
        <span>↓ ${bytesText(sum(({ receivedBytes }) => receivedBytes))}</span><span>↑ ${bytesText(sum(({ sentBytes }) => sentBytes))}</span>
      </td>
      <td role="cell" class="c-over"><${Shares} uplinks=${uplinks} names=${names} /></td>
      <td role="cell" class="c-age">${sinceText(nowMs - sinceMs)}</td>
      <td role="cell" class="c-open"><button type="button" class="plain" aria-label=${`What to do with ${destination}`} onClick=${onOpen}>⋯</button></td>
    </tr>
  `;
}

function Rate({ arrow, value }: { arrow: string; value: number }) {
  return html`<span class=${value < 500 ? 'none' : ''}>${arrow} ${value < 500 ? '–' : rateText(value)}</span>`;
}

/** What each uplink carries, one below the other. */
function Shares({ uplinks, names }: Pick<ConnectionRow, 'uplinks'> & { names: readonly string[] }) {
  const known = [...uplinks].sort((one, other) => names.indexOf(one.uplink) - names.indexOf(other.uplink));
  return html`<ul class="over">
    ${known.map(
      ({ uplink, up, down, sentBytes, receivedBytes }) => html`
        <li data-uplink=${uplink} data-sent=${sentBytes} data-received=${receivedBytes}>
          <i class="dot ${colourOf(Math.max(0, names.indexOf(uplink)))}" aria-hidden="true"></i>
          <span class="uplink">${uplink}</span>
          <span>${rateText(up + down)}</span>
          <span class="quiet">${bytesText(sentBytes + receivedBytes)}</span>
        </li>
      `,
    )}
  </ul>`;
}

function shownText({ open, matching, rows }: ConnectionReport): string {
  const count = (number: number) => number.toLocaleString();
  if (rows.length < matching) return `${count(rows.length)} of ${count(matching)} shown`;
  return matching < open ? `${count(matching)} of ${count(open)} match` : `${count(open)} open`;
}

const PORT = /:\d+$/;

function hostOf(destination: string): string {
  return destination.replace(PORT, '');
}

function portOf(destination: string): string {
  return PORT.exec(destination)?.[0] ?? '';
}
