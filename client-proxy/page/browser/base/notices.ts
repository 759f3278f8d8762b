import { html, useEffect, useState } from '../../../../shared/page-browser/lib/htm-preact.js';

/** A notice can be read for so long. */
const SHOWN_MS = 5_000;

let onNotice: (text: string) => void = () => {};

/** Says something for a while, also to a screen reader. */
export function tell(text: string): void {
  onNotice(text);
}

/** Where it is said; once on a page. */
export function Notices() {
  const [text, setText] = useState('');
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    onNotice = (next) => {
      clearTimeout(timer);
      setText(next);
      timer = setTimeout(() => setText(''), SHOWN_MS);
    };
  }, []);
  return html`<p class="told" role="status" data-shown=${text === '' ? undefined : 'true'}>${text}</p>`;
}
