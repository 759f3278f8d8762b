import { markdownTable } from '../../lab/grid.ts';
import type { CheckoutRecord } from './checkouts.ts';
import { byPair, type ComparedFigure, verdict } from './compared-figure.ts';

const DIGITS = 3;

/** What was compared, and a table for each two contestants, in Markdown; empty where nothing was compared. */
export function comparisonText(
  figures: readonly ComparedFigure[],
  checkouts: readonly CheckoutRecord[],
): string {
  if (figures.length === 0) return '';
  const tables = byPair(figures).map(([title, of]) => `${title}\n\n${table(of)}`);
  return [checkouts.map(line).join('\n'), ...tables].join('\n\n');
}

function line({ contestant, commit, tuning, node }: CheckoutRecord): string {
  const numbers = Object.entries(tuning).map(([key, value]) => `${key}=${value}`);
  const versions = node === undefined ? [] : [`Node.js ${node}`];
  return `- ${[contestant, `commit ${commit ?? 'unknown'}`, ...versions, ...numbers].join(', ')}`;
}

function table(figures: readonly ComparedFigure[]): string {
  const { one, other } = figures[0]!;
  const head = ['where', 'figure', 'better', one, other, 'ratio', 'spread', 'pairs', 'in all pairs'];
  const rows = figures.map((compared) => {
    const { where, figure, isMoreBetter, oneMedian, otherMedian, ratio } = compared;
    const said = verdict(compared);
    return [
      ...[where, figure, isMoreBetter ? 'more' : 'less'],
      ...[oneMedian, otherMedian].map((value) => String(Number(value.toPrecision(DIGITS)))),
      ratio.median.toFixed(DIGITS),
      `${ratio.min.toFixed(DIGITS)} to ${ratio.max.toFixed(DIGITS)}`,
      String(ratio.pairs),
      said === 'undecided' ? '' : said,
    ];
  });
  return markdownTable([head, ...rows]);
}
