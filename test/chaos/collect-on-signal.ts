/** Loaded before a program that runs with --expose-gc: SIGUSR2 collects garbage, so that its heap can be compared with itself. */
process.on('SIGUSR2', () => globalThis.gc?.());
