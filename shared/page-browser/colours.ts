const COLOURS = 10;

/** The colour of what comes at this place among others: the name of a class, and with `--` before it of the colour itself. */
export function colourOf(index: number): string {
  return `u${index % COLOURS}`;
}
