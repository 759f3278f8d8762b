/** Something that takes bytes of anybody. */
export interface FuzzTarget {
  readonly name: string;
  /** Longer inputs are not tried. */
  readonly maxBytes: number;
  /** Where to begin: a few inputs that lead deep into the program. */
  seeds(): readonly Uint8Array[];
  /** Throws when the program does with `input` what it must not do. */
  run(input: Uint8Array): void;
}

/** What a target throws where the program did not throw but did something wrong. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
}

/** @throws BrokenPromise */
export function promise(isKept: boolean, what: string): void {
  if (!isKept) throw new BrokenPromise(what);
}
