import { Random } from '../simulation/random.ts';

/** What mutations put in: the literals that the program compares its inputs with. */
export type Dictionary = readonly Uint8Array[];

/** At most so many mutations make one input of another. */
const MAX_STACKED = 8;
const EDGES = [0, 1, 0x7f, 0x80, 0xff];

/** Makes inputs of other inputs, always the same for one seed. */
export class Mutator {
  readonly #random: Random;
  readonly #dictionary: Dictionary;
  readonly #maxBytes: number;

  constructor(seed: number, dictionary: Dictionary, maxBytes: number) {
    this.#random = new Random(seed);
    this.#dictionary = dictionary;
    this.#maxBytes = maxBytes;
  }

  /** A changed copy of `input`, perhaps with a part of `other`. */
  mutate(input: Uint8Array, other: Uint8Array): Uint8Array {
    let bytes: Uint8Array = input;
    const rounds = 1 + this.#below(MAX_STACKED);
    for (let round = 0; round < rounds; round++) bytes = this.#mutateOnce(bytes, other);
    return bytes.length > this.#maxBytes ? bytes.subarray(0, this.#maxBytes) : bytes;
  }

  #mutateOnce(bytes: Uint8Array, other: Uint8Array): Uint8Array {
    const at = this.#below(bytes.length + 1);
    switch (this.#below(9)) {
      case 0:
        return this.#change(bytes, (byte) => byte ^ (1 << this.#below(8)));
      case 1:
        return this.#change(bytes, () => EDGES[this.#below(EDGES.length)]!);
      case 2:
        return this.#change(bytes, (byte) => byte + this.#below(35) - 17);
      case 3:
        return splice(
          bytes,
          at,
          0,
          Uint8Array.from({ length: 1 + this.#below(8) }, () => this.#below(256)),
        );
      case 4:
        return splice(bytes, at, 1 + this.#below(16), NOTHING);
      case 5:
        return splice(bytes, this.#below(bytes.length + 1), 0, this.#part(bytes));
      case 6:
        return splice(bytes, at, 0, this.#part(other));
      case 7:
        return splice(bytes, at, 0, this.#word());
      default: {
        const word = this.#word();
        return splice(bytes, at, word.length, word);
      }
    }
  }

  #change(bytes: Uint8Array, change: (byte: number) => number): Uint8Array {
    if (bytes.length === 0) return bytes;
    const copy = new Uint8Array(bytes);
    const at = this.#below(bytes.length);
    copy[at] = change(copy[at]!);
    return copy;
  }

  #part(bytes: Uint8Array): Uint8Array {
    const from = this.#below(bytes.length + 1);
    return bytes.subarray(from, from + 1 + this.#below(64));
  }

  #word(): Uint8Array {
    return this.#dictionary[this.#below(this.#dictionary.length)] ?? NOTHING;
  }

  #below(count: number): number {
    return count <= 1 ? 0 : this.#random.integer(0, count - 1);
  }
}

const NOTHING = new Uint8Array(0);

function splice(bytes: Uint8Array, at: number, removed: number, inserted: Uint8Array): Uint8Array {
  const rest = bytes.subarray(at + removed);
  const result = new Uint8Array(Math.min(at, bytes.length) + inserted.length + rest.length);
  result.set(bytes.subarray(0, at), 0);
  result.set(inserted, Math.min(at, bytes.length));
  result.set(rest, Math.min(at, bytes.length) + inserted.length);
  return result;
}

/** Literals as an input may hold them: texts as UTF-8, numbers in one, two, four and eight bytes, most significant first. */
export function dictionaryOf(numbers: readonly number[], texts: readonly string[]): Dictionary {
  const words = texts.map((text) => new TextEncoder().encode(text));
  for (const number of numbers) {
    if (!Number.isSafeInteger(number) || number < 0) continue;
    for (const [bytes, limit] of [
      [1, 0x100],
      [2, 0x1_0000],
      [4, 0x1_0000_0000],
      [8, Number.MAX_SAFE_INTEGER],
    ] as const) {
      if (number >= limit) continue;
      const word = Buffer.alloc(bytes);
      if (bytes === 8) word.writeBigUInt64BE(BigInt(number));
      else word.writeUIntBE(number, 0, bytes);
      words.push(word);
    }
  }
  return words;
}
