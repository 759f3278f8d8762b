/** A text of a picture, with the box that it takes. */
export interface ReadText {
  readonly content: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Mean width of a character in parts of the font's size, in the wider ones of the common sans-serif fonts. */
const CHARACTER = 0.56;

/** The texts of a picture. */
export function readTexts(svg: string): ReadText[] {
  return [...svg.matchAll(/<text ([^>]*)>([^<]*)<\/text>/g)].map(([, attributes = '', content = '']) => {
    const [, dx = 0, dy = 0] = (/translate\(([-\d.]+) ([-\d.]+)\)/.exec(attributes) ?? []).map(Number);
    const x = dx + Number(attribute(attributes, 'x') ?? 0);
    const y = dy + Number(attribute(attributes, 'y') ?? 0);
    const size = Number(/font-size:(\d+)px/.exec(attributes)?.[1]);
    const width = content.length * size * CHARACTER;
    const anchor = attribute(attributes, 'text-anchor');
    const left = anchor === 'end' ? x - width : anchor === 'middle' ? x - width / 2 : x;
    return { content, left, right: left + width, top: y - size / 2, bottom: y + size / 2 };
  });
}

/** Of each shape that has this fill or stroke, its corners. */
export function readShapes(svg: string, colour: string): (readonly [x: number, y: number])[][] {
  const shapes: (readonly [number, number])[][] = [];
  for (const [, attributes = ''] of svg.matchAll(/<path ([^>]*)>/g)) {
    if (attribute(attributes, 'fill') !== colour && attribute(attributes, 'stroke') !== colour) continue;
    // Those of the legend stand elsewhere.
    if (attributes.includes('transform=')) continue;
    const corners: [number, number][] = [];
    for (const [, command, x, y] of (attribute(attributes, 'd') ?? '').matchAll(
      /([MLl])([-\d.]+) ([-\d.]+)/g,
    )) {
      const [fromX, fromY] = command === 'l' ? corners.at(-1)! : [0, 0];
      corners.push([fromX + Number(x), fromY + Number(y)]);
    }
    shapes.push(corners);
  }
  return shapes;
}

/** Pairs of texts that share a place; and texts that reach out of the picture. */
export function clashes(svg: string): string[] {
  const texts = readTexts(svg).filter(({ content }) => content !== '');
  const width = Number(/<svg width="(\d+)"/.exec(svg)?.[1]);
  const found = texts.filter(({ left, right }) => left < 0 || right > width).map(({ content }) => content);
  for (const [index, one] of texts.entries())
    for (const other of texts.slice(index + 1))
      if (
        one.left < other.right &&
        other.left < one.right &&
        one.top < other.bottom &&
        other.top < one.bottom
      )
        found.push(`${one.content} | ${other.content}`);
  return found;
}

function attribute(attributes: string, name: string): string | undefined {
  return new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes)?.[1];
}
