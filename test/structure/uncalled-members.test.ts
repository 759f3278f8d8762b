import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../config/temporary-directory.ts';
import { projectFolder } from './sources.ts';
import { uncalledMembers } from './uncalled-members.ts';

/** Members that only tests use, and why they may. */
const VIEWS_FOR_TESTS: readonly string[] = [
  // Whether all memory that was taken has come back shows nowhere else.
  'shared/runtime/app/block-pool.ts BlockPool.usedBytes',
  'shared/protocol/memory-budget.ts MemoryBudget.reservedBytes',
  // Nor does in how many pieces the kept bytes lie, which is what they cost.
  'shared/protocol/stream/reorder-buffer.ts ReorderBuffer.entryCount',
];
/** Used through an interface that the class cannot name, which stands in a folder above it. */
const USED_FROM_ABOVE: readonly string[] = [
  // StreamSteerer of client-proxy.
  'shared/protocol/session/session-streams.ts SessionStreams.steer',
];
/** To be emptied. */
const FOR_NOW: readonly string[] = ['shared/runtime/app/app-chunk.ts OwnChunk.headroomBytes'];

it('production code has no member of a class that production code does not use', () => {
  const uncalled = uncalledMembers(projectFolder())
    .filter(({ name, usedBy }) => !(usedBy === 'tests' && VIEWS_FOR_TESTS.includes(name)))
    .filter(({ name }) => !USED_FROM_ABOVE.includes(name) && !FOR_NOW.includes(name));
  expect(uncalled).toEqual([]);
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
