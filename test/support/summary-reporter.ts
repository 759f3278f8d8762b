import type { TestModule, Vitest } from 'vitest/node';
import type { Reporter } from 'vitest/reporters';

/**
 * Ends a test run with one plain line such as `345 passed, 0 failed, 3 skipped`. A file that could not be loaded and an
 * error outside any test count as failed too, so that "0 failed" means what it says.
 */
export class SummaryReporter implements Reporter {
  #print: (line: string) => void = () => {};

  onInit(vitest: Vitest): void {
    this.#print = (line) => vitest.logger.log(line);
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state] += 1;
      // Failed hooks and imports stand at the file or a suite, at none of its tests.
      count.failed += module.errors().length;
      for (const suite of module.children.allSuites()) count.failed += suite.errors().length;
    }
    // A test without a result was cut off by one of those errors, or by the end of the run.
    this.#print(`${count.passed} passed, ${count.failed} failed, ${count.skipped + count.pending} skipped`);
  }
}
