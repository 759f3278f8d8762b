import * as z from 'zod';
import type { KeyPath } from './yaml-source.ts';

/** The keys that a schema knows at a place; empty where it knows no map there. */
export function knownKeysAt(schema: z.ZodType, path: KeyPath): string[] {
  const place = path.reduce<z.ZodType[]>(
    (places, segment) => places.flatMap((at) => stepInto(at, segment)),
    [schema],
  );
  return place.flatMap(alternatives).flatMap((at) => {
    if (at instanceof z.ZodObject) return Object.keys(at.shape);
    return at instanceof z.ZodRecord && at.keyType instanceof z.ZodEnum ? at.keyType.options.map(String) : [];
  });
}

/**
 * The paths of all keys of a schema, such as `socks.listen` and `uplinks[].name`, in its order. The keys of a map that stands
 * at two places are listed at the first.
 */
export function schemaKeyPaths(schema: z.ZodType, prefix = '', listed = new Set<z.ZodType>()): string[] {
  return alternatives(schema).flatMap((at) => {
    if (at instanceof z.ZodArray) return schemaKeyPaths(at.element as z.ZodType, `${prefix}[]`, listed);
    if (!(at instanceof z.ZodObject) || listed.has(at)) return [];
    listed.add(at);
    return Object.entries(at.shape as Record<string, z.ZodType>).flatMap(([key, inner]) => {
      const path = prefix === '' ? key : `${prefix}.${key}`;
      return [path, ...schemaKeyPaths(inner, path, listed)];
    });
  });
}

function stepInto(schema: z.ZodType, segment: string | number): z.ZodType[] {
  return alternatives(schema).flatMap((at) => {
    if (at instanceof z.ZodArray) return [at.element as z.ZodType];
    const inner = at instanceof z.ZodObject ? (at.shape[segment] as z.ZodType | undefined) : undefined;
    return inner ? [inner] : [];
  });
}

/** The schemas below defaults, transformations and unions: what the input itself must look like. */
function alternatives(schema: z.ZodType): z.ZodType[] {
  if (schema instanceof z.ZodUnion) return (schema.options as z.ZodType[]).flatMap(alternatives);
  if (schema instanceof z.ZodPipe) return alternatives(schema.in as z.ZodType);
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return alternatives(schema.unwrap() as z.ZodType);
  }
  return [schema];
}
