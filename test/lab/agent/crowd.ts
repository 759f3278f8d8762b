import { eachWholeLine } from '../../bed/whole-lines.ts';
import { openConnection } from './connection.ts';
import { type CrowdLine, tell } from './job.ts';
import { requestOf, TalkSide } from './talk.ts';

/** Begins a conversation for each line of stdin and tells how each ended; until stdin ends. */
export function runCrowd(): void {
  eachWholeLine(
    process.stdin,
    (line) => begin(JSON.parse(line)),
    () => process.exit(0),
  );
  tell({ event: 'ready' });
}

function begin({ talk, origin, route }: CrowdLine): void {
  const socket = openConnection(route, origin, {
    onOpen() {
      socket.write(requestOf(talk));
      side.send();
    },
    onBytes: (bytes) => side.receive(bytes),
    onEnd: () => side.end(),
    onClose: (error) => side.closed(error),
  });
  const side = new TalkSide(talk, 'client', socket, (end) => tell({ event: 'talked', end }));
}
