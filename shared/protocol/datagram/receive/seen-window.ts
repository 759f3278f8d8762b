const WORD_BITS = 32;
const ALL = 0xffff_ffff;

/**
 * Which of the newest numbers have been seen: a sliding window over a bitmap whose words are cleared as it moves on (RFC 6479). Numbers
 * below the window count as seen, so that nothing is taken twice.
 */
export class SeenWindow {
  readonly #words: Uint32Array;
  #highest = -1;
  /** Of its word, counted from 0. */
  #highestWord = -1;

  /** @param size how many numbers below the highest are told apart at least; a multiple of 32 */
  constructor(size: number) {
    // One more, since the newest word is partly in use.
    this.#words = new Uint32Array(size / WORD_BITS + 1);
  }

  /** The highest number so far; -1 before the first. */
  get highest(): number {
    return this.#highest;
  }

  /** The lowest number that is told apart. */
  get lowest(): number {
    return Math.max(0, (this.#highestWord - this.#words.length + 1) * WORD_BITS);
  }

  has(number: number): boolean {
    if (number > this.#highest) return false;
    return number < this.lowest || this.#isSet(number);
  }

  /** @returns whether it was new; one below the window is not */
  add(number: number): boolean {
    if (number > this.#highest) this.#moveTo(number);
    else if (number < this.lowest || this.#isSet(number)) return false;
    const word = Math.floor(number / WORD_BITS);
    this.#words[word % this.#words.length]! |= 1 << (number - word * WORD_BITS);
    return true;
  }

  /** How many numbers in a row, from this one down to the end of the window, are alike: seen, or not seen. */
  runDown(from: number, areSeen: boolean): number {
    const { lowest } = this;
    const same = areSeen ? ALL : 0;
    let at = from;
    while (at >= lowest) {
      const word = Math.floor(at / WORD_BITS);
      const bit = at - word * WORD_BITS;
      const isWholeWord = bit === WORD_BITS - 1 && this.#words[word % this.#words.length] === same;
      if (isWholeWord) at -= WORD_BITS;
      else if (this.#isSet(at) === areSeen) at--;
      else break;
    }
    return from - at;
  }

  #isSet(number: number): boolean {
    const word = Math.floor(number / WORD_BITS);
    return (this.#words[word % this.#words.length]! & (1 << (number - word * WORD_BITS))) !== 0;
  }

  #moveTo(number: number): void {
    const word = Math.floor(number / WORD_BITS);
    const cleared = Math.min(word - this.#highestWord, this.#words.length);
    for (let i = 0; i < cleared; i++) this.#words[(word - i) % this.#words.length] = 0;
    this.#highest = number;
    this.#highestWord = word;
  }
}
