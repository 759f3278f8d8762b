import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import { askStatus, type ToldAt } from '../../shared/runtime/config/status-command.ts';
import type { Terminal } from '../../shared/runtime/process/terminal.ts';
import { errorWords } from '../../shared/runtime/text/error-words.ts';
import type { ClientStatus } from '../status/client-status.ts';
import { SORT_KEYS, type TopView, topFrame } from './top-frame.ts';
import { UplinkRates } from './uplink-rates.ts';

/**
 * Shows the uplinks of a running client on the whole screen, anew in each interval, until somebody quits. Throws UsageError where there
 * is no terminal.
 */
export async function top(
  client: ToldAt,
  intervalMs: number,
  program: string,
  { terminal, clock }: { readonly terminal: Terminal; readonly clock: MonotonicClock },
): Promise<void> {
  if (!terminal.isTerminal) {
    throw new UsageError('top needs a terminal: "status" prints once, and "status --json" for programs');
  }
  const rates = new UplinkRates();
  let view: TopView = { sort: 'down', showsSubflows: false, isPaused: false };
  let problem: string | undefined;
  const draw = () =>
    terminal.draw(topFrame(rates, view, { ...terminal.size, hasColours: terminal.hasColours }, problem));
  const ask = async () => {
    try {
      rates.add(JSON.parse(await askStatus(client, '/status', program)) as ClientStatus);
      problem = undefined;
    } catch (error) {
      problem = errorWords(error as Error);
    }
  };
  await new Promise<void>((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    let isOver = false;
    const turn = async () => {
      const startMs = clock();
      if (!view.isPaused) await ask();
      if (isOver) return;
      draw();
      timer = setTimeout(turn, Math.max(0, intervalMs - (clock() - startMs)));
    };
    terminal.open({
      onKey(key) {
        if (key === 'q') {
          isOver = true;
          clearTimeout(timer);
          resolve();
          return;
        }
        view = viewAfter(view, key);
        draw();
      },
      onResize: draw,
    });
    draw();
    void turn();
  }).finally(() => terminal.close());
}

function viewAfter(view: TopView, key: string): TopView {
  if (key === 's') return { ...view, showsSubflows: !view.showsSubflows };
  if (key === 'p') return { ...view, isPaused: !view.isPaused };
  return Object.hasOwn(SORT_KEYS, key) ? { ...view, sort: SORT_KEYS[key as keyof typeof SORT_KEYS] } : view;
}
