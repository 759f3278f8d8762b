import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { errorWords } from '../../shared/runtime/text/error-words.ts';

const OTHER_END = 'the destination';

/**
 * Why something did not go past the concentrator, without where it was to go: the same for each destination, and whoever wants to read
 * destinations in the log asks for details.
 */
export function directFailureWords(error: unknown, destination: Destination): string {
  return (
    errorWords(error)
      .replaceAll(formatDestination(destination), OTHER_END)
      .replaceAll(new RegExp(`(?<![\\w.:-])${escaped(destination.host)}(?![\\w.:-])`, 'g'), OTHER_END)
      // The name that was asked for has become an address by the time that it is connected to.
      .replaceAll(/\[[\da-f:.]+\]:\d+|\b\d+\.\d+\.\d+\.\d+:\d+/gi, OTHER_END)
  );
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
