/** A running hash (FNV-1a) of what happened when: two runs of one seed must end with the same. */
export class Trace {
  #hash = 0x811c9dc5;
  #count = 0;
  /** Called with each line, where somebody wants to read along. */
  onLine: ((line: string) => void) | undefined;

  note(nowMs: number, side: string, what: string, id: number, size: number): void {
    this.#count++;
    this.#mix(Math.round(nowMs * 1000));
    this.#mix(id);
    this.#mix(size);
    for (let i = 0; i < what.length; i++) this.#mix(what.charCodeAt(i));
    this.#mix(side.length);
    this.onLine?.(`${nowMs.toFixed(3)} ${side} ${what} ${id} ${size}`);
  }

  get digest(): string {
    return `${(this.#hash >>> 0).toString(16)}-${this.#count}`;
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value & 0xffff), 0x01000193);
    this.#hash = Math.imul(this.#hash ^ ((value / 0x10000) & 0xffff), 0x01000193);
  }
}
