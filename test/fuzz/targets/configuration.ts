import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as z from 'zod';
import { clientSchema } from '../../../client-proxy/config/client-schema.ts';
import { concentratorSchema } from '../../../server-concentrator/config/concentrator-schema.ts';
import { ConfigError } from '../../../shared/runtime/config/config-error.ts';
import { parseConfig } from '../../../shared/runtime/config/parse-config.ts';
import { YamlSource } from '../../../shared/runtime/config/yaml-source.ts';
import { projectFolder } from '../../structure/sources.ts';
import { type FuzzTarget, promise } from '../fuzz-target.ts';

const FILES: readonly { readonly schema: z.ZodType; readonly example: string }[] = [
  { schema: clientSchema, example: 'client.example.yaml' },
  { schema: concentratorSchema, example: 'concentrator.example.yaml' },
];

/** A configuration file of either program: it is taken, or refused with a place for each mistake. */
export const configuration: FuzzTarget = {
  name: 'configuration',
  maxBytes: 2_048,
  seeds: () =>
    FILES.flatMap(({ example }, kind) => parts(example).map((part) => Uint8Array.of(kind, ...part))),
  run(input) {
    const text = Buffer.from(input.subarray(1)).toString('utf8');
    const { schema } = FILES[(input[0] ?? 0) % FILES.length]!;
    const lines = text.split(/\r\n|\r|\n/).length;
    try {
      parseConfig(new YamlSource(text, 'file.yaml'), schema);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      promise(error.problems.length > 0, 'refused without a reason');
      for (const { line, column, message } of error.problems) {
        promise(
          line >= 1 && line <= lines && column >= 1,
          `a mistake at ${line}:${column} of ${lines} lines`,
        );
        promise(message !== '', 'a mistake without a message');
      }
    }
  },
};

/** The sections of an example, each a file of its own: together they are longer than an input. */
function parts(example: string): Buffer[] {
  const text = readFileSync(join(projectFolder(), 'config', example), 'utf8');
  const plain = text.replaceAll(/^ *#.*\n/gm, '').replaceAll(/ +#.*$/gm, '');
  return plain.split(/\n(?=\w)/).map((part) => Buffer.from(part));
}
