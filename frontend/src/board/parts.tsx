// Small things that the board is made of.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { say } from "../shared/words.ts";
import { page } from "./state.ts";

export function Icon({ name }: { name: string }) {
  return (
    <svg class="icon" aria-hidden="true">
      <use href={`${page.icons}#${name}`} />
    </svg>
  );
}

/** A line about how things are, with what may be done about it. */
export function State(props: {
  tone: string;
  icon: string;
  words: string;
  children?: ComponentChildren;
}) {
  return (
    <div class="state" data-tone={props.tone} role={props.tone === "bad" ? "alert" : "status"}>
      <Icon name={props.icon} />
      <span>{props.words}</span>
      {props.children}
    </div>
  );
}

interface DialogProps {
  title: string;
  wide?: boolean;
  close: () => void;
  foot?: ComponentChildren;
  children: ComponentChildren;
}

export function Dialog({ title, wide, close, foot, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    const beside = (event: MouseEvent) => void (event.target === dialog && dialog?.close());
    dialog?.showModal();
    dialog?.addEventListener("click", beside);
  }, []);
  return (
    <dialog
      ref={ref}
      class={wide ? "drawer board-drawer" : "board-dialog"}
      aria-labelledby="dialog-title"
      onClose={close}
    >
      <div class="dialog-head">
        <h2 id="dialog-title">{title}</h2>
        <button type="button" class="button quiet square" onClick={() => ref.current?.close()}>
          <Icon name="x" />
          <span class="unseen">{say("dialog.close")}</span>
        </button>
      </div>
      <div class="dialog-body">{children}</div>
      {foot && <div class="dialog-foot">{foot}</div>}
    </dialog>
  );
}
