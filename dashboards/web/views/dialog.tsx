import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from '../parts/icon.tsx';
import { text } from '../state.ts';
import { overlay } from './overlay.ts';

const close = () => {
  overlay.value = undefined;
};

/** Over the page, which can't be reached meanwhile; Escape or a press beside it closes and gives the focus back. */
export function Dialog(props: {
  readonly label: string;
  readonly class: string;
  readonly children: ComponentChildren;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    // Closing, not removing, is what gives the focus back.
    return () => dialog?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape is the dialog's own
    <dialog
      ref={ref}
      class={`over ${props.class}`}
      aria-label={props.label}
      onCancel={close}
      onClick={(event) => event.target === ref.current && close()}
    >
      <div class="over-inside">{props.children}</div>
    </dialog>
  );
}

export function CloseOverlay() {
  return (
    <button type="button" class="button icon-only quiet" aria-label={text.value.close} onClick={close}>
      <Icon name="close" size={15} />
    </button>
  );
}
