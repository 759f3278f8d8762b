import { TributaryError } from '../../protocol/errors.ts';
import type { Report } from './finding.ts';
import { titleOf } from './run-checks.ts';
import { verdictOn } from './verdict.ts';

/** What a doctor has found is not all well: the exit code is 1. */
class TroubleFound extends TributaryError {
  constructor(message: string) {
    super('networkFailure', message, 'ours');
  }
}

export interface ExaminationOptions {
  readonly program: string;
  readonly version: string;
  /** One JSON document at the end, in place of lines. */
  readonly json: boolean;
  stdout(text: string): void;
}

/** Of the JSON document. It changes when a member changes its meaning or goes; new ones may come at any time. */
const SCHEMA = 1;
/** Columns of outcome and check. */
const OUTCOME_WIDTH = 9;
const CHECK_WIDTH = 20;

/** What a doctor finds and prints: a line as each check ends, then the verdict; or all of it as JSON. */
export class Examination {
  readonly #options: ExaminationOptions;
  /** With the heading that each came under. */
  readonly #reports = new Map<Report, string>();
  #heading = '';

  constructor(options: ExaminationOptions) {
    this.#options = options;
  }

  /** What follows is about this. */
  begin(heading: string): void {
    this.#heading = heading;
    if (!this.#options.json) this.#options.stdout(`${this.#reports.size === 0 ? '' : '\n'}${heading}\n`);
  }

  readonly add = (report: Report): void => {
    this.#reports.set(report, this.#heading);
    if (this.#options.json) return;
    const { outcome, check, words } = report;
    const columns = `${outcome.padEnd(OUTCOME_WIDTH)}${titleOf(check).padEnd(CHECK_WIDTH)}`;
    this.#options.stdout(`  ${columns}${words}\n`);
  };

  #placeOf(report: Report): string {
    const { uplink, concentrator } = report;
    if (uplink === null) return this.#reports.get(report)!;
    return concentrator === undefined ? uplink : `${uplink} to ${concentrator}`;
  }

  /** Prints the verdict. @throws TroubleFound unless all is well */
  end(): void {
    const { json, stdout, program, version } = this.#options;
    const checks = [...this.#reports.keys()];
    const verdict = verdictOn(checks, (report) => this.#placeOf(report));
    const { outcome, words, remedy, advice } = verdict;
    if (json) {
      const document = { schema: SCHEMA, program, version, checks, verdict };
      stdout(`${JSON.stringify(document, undefined, 2)}\n`);
    } else {
      const [sum, ...troubles] = words;
      const section = (title: string, lines: readonly string[]) =>
        lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
      const lines = [
        '',
        `Verdict: ${sum}`,
        ...troubles.map((line) => `  ${line}`),
        ...section('What mends it:', remedy),
        ...section('What could be better:', advice),
      ];
      stdout(`${lines.join('\n')}\n`);
    }
    if (outcome !== 'ok') throw new TroubleFound('trouble was found; the verdict is above');
  }
}
