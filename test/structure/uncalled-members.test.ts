import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../config/temporary-directory.ts';
import { projectFolder } from './sources.ts';
import { uncalledMembers } from './uncalled-members.ts';

/** Members that production code does not use, and why they may stay; as the name and who uses it. */
const KNOWN: readonly string[] = [
  // Whether all memory that was taken has come back shows nowhere else.
  'shared/runtime/app/block-pool.ts BlockPool.usedBytes: tests',
  // Node's HTTP client calls them on its connections.
  'client-proxy/http/origin-stream.ts OriginStream.destroySoon: nobody',
  'client-proxy/http/origin-stream.ts OriginStream.ref: nobody',
];

// Half a minute of processor time, which takes a quarter of an hour on a machine that does much else.
it('production code has no member of a class that production code does not use', {
  timeout: 1_800_000,
}, () => {
  const uncalled = uncalledMembers(projectFolder()).map(({ name, usedBy }) => `${name}: ${usedBy}`);
  expect(uncalled.sort()).toEqual([...KNOWN].sort());
});

it('tells who uses a member, also through an interface', async () => {
  const folder = await temporaryDirectory();
  const files = {
    'tsconfig.json': '{ "compilerOptions": { "target": "ES2022", "module": "NodeNext" } }',
    'package.json': '{ "type": "module" }',
    'shared/one.ts': `
interface Stoppable { stop(): void }
export class One implements Stoppable {
  unused = 1;
  inner = 2;
  seen = 3;
  written = 4;
  #private = 5;
  get both() { return this.inner + this.#private; }
  set both(value) {}
  stop() {}
}
export function end(each: Stoppable) { each.stop(); }
`,
    'shared/two.ts': `import { One } from './one.js';\nconst { both } = new One();\nnew One().written = both;\n`,
    'test/one.test.ts': `import { One } from '../shared/one.js';\nnew One().seen;\nnew One().both;\n`,
  };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  expect(uncalledMembers(folder)).toEqual([
    { name: 'shared/one.ts One.unused', usedBy: 'nobody' },
    { name: 'shared/one.ts One.inner', usedBy: 'its own class' },
    { name: 'shared/one.ts One.seen', usedBy: 'tests' },
  ]);
});
