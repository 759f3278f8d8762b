import { useEffect, useRef, useState } from '../../../../shared/page-browser/lib/htm-preact.js';
import { act } from './client.ts';
import { tell } from './notices.ts';

/** An action that a person has asked for. */
interface Acting {
  readonly isBusy: boolean;
  /** Why the last one was not done; empty for none. */
  readonly error: string;
  /**
   * Has the client do it, says so, and calls `onDone`. Where what asked for it has gone from the page by then, it is only said how it
   * went.
   */
  run(name: string, body: object, said: string, onDone: () => void): void;
}

export function useActing(): Acting {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const isThere = useRef(true);
  useEffect(
    () => () => {
      isThere.current = false;
    },
    [],
  );
  const run: Acting['run'] = (name, body, said, onDone) => {
    setBusy(true);
    act(name, body)
      .then(
        () => {
          tell(said);
          if (!isThere.current) return;
          setError('');
          onDone();
        },
        (failure: Error) => (isThere.current ? setError(failure.message) : tell(failure.message)),
      )
      .finally(() => setBusy(false));
  };
  return { isBusy, error, run };
}
