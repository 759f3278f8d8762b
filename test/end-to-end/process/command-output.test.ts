import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseDocument } from 'yaml';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { programFile } from '../support/program.ts';

type Command = readonly [program: 'client-proxy' | 'server-concentrator', ...args: string[]];

describe('a command whose output cannot be written', () => {
  it.each(['a full device', 'a pipe whose reader has gone'] as const)(
    'says so once and fails: %s',
    async (output) => {
      const commands = await allCommands();
      const results = await Promise.all(commands.map((command) => run(command, output)));
      for (const [i, { code, stderr }] of results.entries()) {
        const what = commands[i]!.join(' ');
        const said = stderr.split('\n').filter((line) => line.includes('cannot write to standard output'));
        expect({ what, code, said: said.length }).toEqual({ what, code: 1, said: 1 });
        expect(said[0]).toContain(
          output === 'a full device' ? 'no space left on the device' : 'nobody reads it any more',
        );
        expect(stderr).not.toMatch(/^\s+at /m);
      }
    },
  );

  it('does not mind a standard error that is full', async () => {
    const child = spawn(
      'sh',
      ['-c', 'exec "$@" 2> /dev/full', 'sh', process.execPath, programFile('client-proxy'), '--nonsense'],
      { stdio: 'ignore' },
    );
    const [code] = await once(child, 'exit');
    expect(code).toBe(2);
  });
});

/** Each that prints a result, in both programs, with configurations that fit. */
async function allCommands(): Promise<Command[]> {
  const folder = await temporaryDirectory();
  const configuration = join(folder, 'tributary-concentrator.yaml');
  const init = ['init', '--public', '127.0.0.1:8443', '--directory', folder] as const;
  const link = (await run(['server-concentrator', ...init], 'a reader')).stdout.trim();
  const client = join(folder, 'client.yaml');
  await run(['client-proxy', 'join', link, '--config', client], 'a reader');
  const server = createServer((_request, response) => response.end('all is well\n'));
  await once(server.listen({ host: '127.0.0.1', port: 0 }), 'listening');
  onTestFinished(() => void server.close());
  for (const file of [client, configuration]) {
    const document = parseDocument(await readFile(file, 'utf8'));
    document.set('metrics', { listen: `127.0.0.1:${(server.address() as AddressInfo).port}` });
    await writeFile(file, String(document));
  }
  return [
    ['client-proxy', '--help'],
    ['client-proxy', '--version'],
    ['client-proxy', 'help', 'join'],
    ['client-proxy', 'check', '--config', client],
    ['client-proxy', 'status', '--config', client],
    ['client-proxy', 'status', '--json', '--config', client],
    ['server-concentrator', '--help'],
    ['server-concentrator', 'check', '--config', configuration],
    ['server-concentrator', 'status', '--config', configuration],
    ['server-concentrator', 'client', 'list', '--config', configuration],
    ['server-concentrator', 'client', 'add', 'another', '--config', configuration],
    ['server-concentrator', ...init.slice(0, 3), '--directory', join(folder, 'other')],
  ];
}

async function run(
  [program, ...args]: Command,
  output: 'a reader' | 'a full device' | 'a pipe whose reader has gone',
): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = [process.execPath, programFile(program), ...args];
  const redirection = output === 'a full device' ? '> /dev/full' : '';
  const child = spawn('sh', ['-c', `exec "$@" ${redirection}`, 'sh', ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  // It has not started to write yet.
  if (output === 'a pipe whose reader has gone') child.stdout.destroy();
  const [code] = await once(child, 'exit');
  if (!child.stderr.readableEnded) await once(child.stderr, 'end');
  return { code, stdout, stderr };
}
