import { html, useEffect, useRef } from '../../../../shared/page-browser/lib/htm-preact.js';

interface DialogProps {
  readonly title: string;
  /** Behind the title, smaller. */
  readonly about?: string | undefined;
  readonly onClose: () => void;
  readonly children?: unknown;
}

/** A window in front of the page, for as long as it is rendered. Escape, and a click beside it, close it. */
export function Dialog({ title, about, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement | null>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const onClick = ({ target }: MouseEvent) => {
    if (target === dialog.current) onClose();
  };
  return html`
    <dialog ref=${dialog} aria-labelledby="dialog-title" onClose=${onClose} onClick=${onClick}>
      <div class="dialog-body">
        <div class="dialog-head">
          <h2 id="dialog-title">${title}</h2>
          <button type="button" class="plain" aria-label="Close this window" onClick=${onClose}>✕</button>
        </div>
        ${about !== undefined && html`<p class="quiet dialog-about">${about}</p>`}
        ${children}
      </div>
    </dialog>
  `;
}
