import { bitRateText, forText, subflowTable } from '../../shared/runtime/observe/status-text.ts';
import { byteText } from '../../shared/runtime/text/byte-text.ts';
import type { ClientStatus, UplinkReport } from '../status/client-status.ts';
import type { UplinkRate, UplinkRates } from './uplink-rates.ts';

/** What a person at the terminal has chosen. */
export interface TopView {
  readonly sort: SortKey;
  readonly showsSubflows: boolean;
  readonly isPaused: boolean;
}

/** Orders of the uplinks: by the key that chooses it. */
export const SORT_KEYS = { d: 'down', u: 'up', n: 'name', t: 'rtt' } as const;
export type SortKey = (typeof SORT_KEYS)[keyof typeof SORT_KEYS];

export interface TopScreen {
  readonly columns: number;
  readonly rows: number;
  readonly hasColours: boolean;
}

type Colour = 'green' | 'cyan' | 'yellow' | 'red' | 'dim' | 'bold';

interface Cell {
  readonly text: string;
  readonly colour?: Colour | undefined;
}

interface Column {
  readonly head: string;
  readonly isRight?: true;
  cell(uplink: UplinkReport, rate: UplinkRate): Cell;
}

/** The lines of the screen. @param problem why there is no newer status, if so */
export function topFrame(
  rates: UplinkRates,
  view: TopView,
  screen: TopScreen,
  problem?: string,
): readonly string[] {
  const { columns, rows, hasColours } = screen;
  const paint = hasColours ? paintCell : (text: string) => text;
  const { status } = rates;
  const foot = paint(cut(FOOT, columns), 'dim');
  if (status === undefined) return [cut(problem ?? 'asking ...', columns), '', foot];
  const sum = (part: 'down' | 'up') =>
    status.uplinks.reduce((total, { name }) => total + rates.of(name)[part], 0);
  const since = status.session.since === null ? '' : ` for ${forText(status.session.since, status.time)}`;
  const facts = [
    `${status.program} ${status.version}`,
    status.ready ? 'ready' : 'not ready',
    status.mode === 'direct' ? 'no concentrator' : `${chosenName(status)} ${status.session.state}${since}`,
    `${status.session.streams} connections`,
    `down ${bitRateText(sum('down'))}`,
    `up ${bitRateText(sum('up'))}`,
  ];
  const lines = [
    paint(cut(facts.join('  '), columns), 'bold'),
    noteOf(view, problem, status.fallback.active, columns, paint),
    ...uplinkLines(rates, view, sum('down'), columns, paint),
  ];
  if (view.showsSubflows) {
    const table = subflowTable(status.uplinks, status.time).split('\n').slice(0, -1);
    lines.push('', ...table.map((line) => cut(line, columns)));
  }
  const room = rows - 2;
  const shown =
    lines.length <= room
      ? lines
      : [...lines.slice(0, room - 1), cut(`... ${lines.length - room + 1} lines more`, columns)];
  return [...shown, '', foot];
}

/** Where new connections go: the only session, or that of a concentrator by name. */
function chosenName({ concentrators }: ClientStatus): string {
  const chosen = concentrators.length > 1 ? concentrators.find((one) => one.chosen) : undefined;
  return chosen?.name ?? 'session';
}

const FOOT = 'q quit  d/u/n/t sort by down, up, name, round trip  s subflows  p pause';

function noteOf(
  { isPaused }: TopView,
  problem: string | undefined,
  isFallback: boolean,
  columns: number,
  paint: typeof paintCell,
): string {
  if (problem !== undefined) return paint(cut(problem, columns), 'red');
  if (isPaused) return paint('paused', 'yellow');
  if (isFallback) return paint(cut('new connections go directly, outside of the tunnel', columns), 'yellow');
  return '';
}

function uplinkLines(
  rates: UplinkRates,
  { sort }: TopView,
  downSum: number,
  columns: number,
  paint: typeof paintCell,
): readonly string[] {
  const uplinks = [...rates.status!.uplinks].sort(COMPARE[sort](rates));
  const most = Math.max(1, ...uplinks.flatMap(({ name }) => rates.of(name).history));
  const table = columnsFor(uplinks, rates, { downSum, most, columns });
  return [
    paint(
      cut(
        table
          .map(({ column, width }) => padded(column.head, width, column))
          .join('  ')
          .trimEnd(),
        columns,
      ),
      'dim',
    ),
    ...uplinks.map((uplink) => {
      let left = columns;
      return table
        .map(({ column, width }, i) => {
          const { text, colour } = column.cell(uplink, rates.of(uplink.name));
          const whole = cut(`${i === 0 ? '' : '  '}${padded(text, width, column)}`, left);
          left -= whole.length;
          return colour === undefined ? whole : paint(whole, colour);
        })
        .join('');
    }),
  ];
}

const COMPARE: Readonly<
  Record<SortKey, (rates: UplinkRates) => (one: UplinkReport, other: UplinkReport) => number>
> = {
  down: (rates) => (one, other) => rates.of(other.name).down - rates.of(one.name).down,
  up: (rates) => (one, other) => rates.of(other.name).up - rates.of(one.name).up,
  name: () => (one, other) => one.name.localeCompare(other.name),
  rtt: () => (one, other) => (one.rttMs ?? Number.MAX_VALUE) - (other.rttMs ?? Number.MAX_VALUE),
};

interface Scale {
  readonly downSum: number;
  /** Of all histories. */
  readonly most: number;
  readonly columns: number;
}

/** As many columns as the screen is wide: the reason comes last and may be cut; the others go one by one. */
function columnsFor(uplinks: readonly UplinkReport[], rates: UplinkRates, scale: Scale) {
  const all = allColumns(scale);
  const dropped = new Set<string>();
  for (;;) {
    const table = all
      .filter(({ head }) => !dropped.has(head))
      .map((column) => {
        const cells = uplinks.map((uplink) => column.cell(uplink, rates.of(uplink.name)).text.length);
        return { column, width: Math.max(column.head.length, ...cells) };
      })
      // Nothing stands behind the last.
      .map((one, i, { length }) => (i === length - 1 ? { ...one, width: 0 } : one));
    const fixed = table.slice(0, -1).reduce((sum, { width }) => sum + width + 2, 0);
    const next = DROPPED_FIRST.find((head) => !dropped.has(head));
    if (next === undefined || fixed + LEAST_REASON <= scale.columns) return table;
    dropped.add(next);
  }
}

const DROPPED_FIRST = ['LAST 20 S', 'SENT', 'RECEIVED', 'CAP', 'SHARE', 'RTT'];
const LEAST_REASON = 12;

function allColumns({ downSum, most }: Scale): readonly Column[] {
  return [
    { head: 'UPLINK', cell: ({ name }) => ({ text: name }) },
    { head: 'STATE', cell: ({ state }) => ({ text: state, colour: STATE_COLOUR[state] }) },
    { head: 'DOWN', isRight: true, cell: (_, { down }) => ({ text: bitRateText(down) }) },
    { head: 'UP', isRight: true, cell: (_, { up }) => ({ text: bitRateText(up) }) },
    {
      head: 'SHARE',
      isRight: true,
      cell: (_, { down }) => ({ text: downSum === 0 ? '-' : `${Math.round((100 * down) / downSum)} %` }),
    },
    {
      head: 'RTT',
      isRight: true,
      cell: ({ rttMs }) => ({ text: rttMs === null ? '-' : `${Math.round(rttMs)} ms` }),
    },
    {
      head: 'SENT',
      isRight: true,
      cell: ({ sentBytes, direct }) => ({ text: byteText(sentBytes + direct.sentBytes) }),
    },
    {
      head: 'RECEIVED',
      isRight: true,
      cell: ({ receivedBytes, direct }) => ({ text: byteText(receivedBytes + direct.receivedBytes) }),
    },
    { head: 'CAP', isRight: true, cell: ({ metered }) => capCell(metered) },
    {
      head: 'LAST 20 S',
      cell: (_, { history }) => ({ text: sparkline(history.slice(-SPARKLINE_WIDTH), most), colour: 'cyan' }),
    },
    {
      head: 'REASON',
      cell: ({ state, reason }) => ({ text: state === 'in-use' && reason === 'in use' ? '' : reason }),
    },
  ];
}

const STATE_COLOUR: Readonly<Record<UplinkReport['state'], Colour>> = {
  'in-use': 'green',
  backup: 'cyan',
  waiting: 'dim',
  doubted: 'yellow',
  parked: 'yellow',
  down: 'red',
  stopped: 'red',
};

/** The cap that is used most. */
function capCell(metered: UplinkReport['metered']): Cell {
  const used = Math.max(-1, ...(metered ?? []).map(({ usedRatio }) => usedRatio ?? -1));
  if (used < 0) return { text: '' };
  return {
    text: `${Math.round(100 * used)} %`,
    colour: used >= 1 ? 'red' : used >= 0.8 ? 'yellow' : undefined,
  };
}

const SPARKLINE_WIDTH = 20;
const BARS = '▁▂▃▄▅▆▇█';

function sparkline(history: readonly number[], most: number): string {
  return history
    .map((value) => BARS[Math.min(BARS.length - 1, Math.floor((value / most) * BARS.length))]!)
    .join('');
}

function padded(text: string, width: number, { isRight }: Column): string {
  return isRight ? text.padStart(width) : text.padEnd(width);
}

function cut(text: string, columns: number): string {
  return text.length <= columns
    ? text
    : `${text.slice(0, Math.max(0, columns - 1))}${columns > 0 ? '…' : ''}`;
}

const CODES: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

function paintCell(text: string, colour: Colour): string {
  return `\x1b[${CODES[colour]}m${text}\x1b[0m`;
}
