import type { TestCase, TestModule, Vitest } from 'vitest/node';
import type { Reporter } from 'vitest/reporters';

/**
 * Ends a test run with the tests that passed only when they were run again, with why tests were skipped, and with one plain line such as `345 passed, 0 failed, 3 skipped`. A file that
 * could not be loaded and an error outside any test count as failed too, so that "0 failed" means what it says.
 */
export class SummaryReporter implements Reporter {
  #print: (line: string) => void = () => {};

  onInit(vitest: Vitest): void {
    this.#print = (line) => vitest.logger.log(line);
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    const skipped = new SkippedTests();
    const passedAgain: string[] = [];
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        count[state] += 1;
        if (state === 'skipped' || state === 'pending') skipped.add(test);
        else if (test.diagnostic()?.flaky) passedAgain.push(`${module.relativeModuleId} > ${test.fullName}`);
      }
      // Failed hooks and imports stand at the file or a suite, at none of its tests.
      count.failed += module.errors().length;
      for (const suite of module.children.allSuites()) count.failed += suite.errors().length;
    }
    if (passedAgain.length > 0)
      this.#print(`${passedAgain.length} failed at first and passed when run again:`);
    for (const name of passedAgain) this.#print(`  ${name}`);
    for (const line of skipped.lines()) this.#print(line);
    this.#print(`${count.passed} passed, ${count.failed} failed, ${count.skipped + count.pending} skipped`);
  }
}

/** Tests that did not run, by reason. */
class SkippedTests {
  readonly #countByReason = new Map<string, number>();
  readonly #missingPackages = new Set<string>();
  #isRootLacking = false;

  add(test: TestCase): void {
    const reason = reasonOf(test);
    this.#countByReason.set(reason, (this.#countByReason.get(reason) ?? 0) + 1);
    const { lack } = test.meta();
    for (const name of lack?.packages ?? []) this.#missingPackages.add(name);
    this.#isRootLacking ||= lack?.isRootLacking ?? false;
  }

  /** None when nothing was skipped. */
  *lines(): Generator<string> {
    if (this.#countByReason.size === 0) return;
    const reasons = [...this.#countByReason].sort(([, one], [, other]) => other - one);
    const total = reasons.reduce((sum, [, count]) => sum + count, 0);
    const width = String(total).length;
    yield `${total} skipped:`;
    for (const [reason, count] of reasons) yield `  ${String(count).padStart(width)}  ${reason}`;
    const remedies = [...this.#remedies()];
    if (remedies.length > 0) yield `To run them: ${remedies.join(', then ')}`;
  }

  *#remedies(): Generator<string> {
    if (this.#missingPackages.size > 0) {
      yield `apt-get install --no-install-recommends ${[...this.#missingPackages].sort().join(' ')} (Debian)`;
    }
    if (this.#isRootLacking) yield 'npm test as root';
  }
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  // It was cut off by an error outside of it, or by the end of the run.
  if (result.state === 'pending') return 'not finished';
  const note = result.state === 'skipped' ? result.note : undefined;
  return test.meta().lack?.reason ?? note ?? 'not selected';
}
