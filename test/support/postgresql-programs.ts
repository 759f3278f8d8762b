import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where Debian has the programs of each version of PostgreSQL, which are not on the path. */
const VERSIONS = '/usr/lib/postgresql';

/** The folder of the newest version's programs; undefined where there is none. */
export function postgresqlPrograms(): string | undefined {
  if (!existsSync(VERSIONS)) return undefined;
  return readdirSync(VERSIONS)
    .filter((name) => existsSync(join(VERSIONS, name, 'bin/initdb')))
    .sort((one, other) => Number(one) - Number(other))
    .map((name) => join(VERSIONS, name, 'bin'))
    .at(-1);
}
