import type { UplinkView } from '../subflow/subflow-view.ts';

/** What a policy says of uplinks, by their names. Each name is looked up once, when its uplink is first seen. */
export class UplinkValues<Value> {
  readonly #byName: ReadonlyMap<string, Value>;
  readonly #otherwise: Value;
  readonly #known = new WeakMap<UplinkView, { readonly value: Value }>();

  /** @param otherwise what holds for an uplink that is not named */
  constructor(byName: ReadonlyMap<string, Value>, otherwise: Value) {
    this.#byName = byName;
    this.#otherwise = otherwise;
  }

  of(uplink: UplinkView): Value {
    let known = this.#known.get(uplink);
    if (known === undefined) {
      const { name } = uplink;
      known = { value: this.#byName.has(name) ? this.#byName.get(name)! : this.#otherwise };
      this.#known.set(uplink, known);
    }
    return known.value;
  }
}
