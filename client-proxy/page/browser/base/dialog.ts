import { html, useEffect, useRef } from '../../../../shared/page-browser/lib/htm-preact.js';

interface DialogProps {
  readonly title: string;
  /** Behind the title, smaller. */
  readonly about?: string | undefined;
  readonly onClose: () => void;
  readonly children?: unknown;
}

/**
 * A window in front of the page, for as long as it is rendered. Escape, and a press beside it, close it. Then what had the focus has it
 * again.
 */
export function Dialog({ title, about, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement | null>(null);
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    // Only so does the browser give the focus back.
    return () => element?.close();
  }, []);
  // The browser says it a moment later: another window may be there by then.
  const onClosed = () => {
    if (dialog.current !== null) onClose();
  };
  // Not a click: a selection that ends beside it would be one.
  const onPointerDown = ({ target }: PointerEvent) => {
    if (target === dialog.current) onClose();
  };
  return html`
    <dialog ref=${dialog} aria-labelledby="dialog-title" onClose=${onClosed} onPointerDown=${onPointerDown}>
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
