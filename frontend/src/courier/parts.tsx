// Small parts that several screens use.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { say } from "../shared/words.ts";

export const sprite = document.querySelector<HTMLElement>("[data-icons]")?.dataset["icons"] ?? "";

export function Icon({ name }: { name: string }) {
  return (
    <svg class="icon" aria-hidden="true">
      <use href={`${sprite}#${name}`} />
    </svg>
  );
}

const HOLD_MS = 700;
const ENOUGH = 0.7;

/** What cannot be taken back: slide it to the end, hold it, or press Enter. */
export function Slide(props: { label: string; done: () => void; disabled?: boolean }) {
  const [share, setShare] = useState(0);
  const track = useRef<HTMLButtonElement>(null);
  const began = useRef<{
    x: number;
    hold: ReturnType<typeof setTimeout>;
  } | null>(null);
  const finish = () => {
    stop();
    props.done();
  };
  const stop = () => {
    if (began.current) clearTimeout(began.current.hold);
    began.current = null;
    setShare(0);
  };
  const start = (event: PointerEvent) => {
    if (props.disabled || began.current) return;
    track.current?.setPointerCapture(event.pointerId);
    began.current = { x: event.clientX, hold: setTimeout(finish, HOLD_MS) };
  };
  const move = (event: PointerEvent) => {
    if (!began.current || !track.current) return;
    const width = track.current.clientWidth;
    const towards = document.dir === "rtl" ? -1 : 1;
    const gone = (towards * (event.clientX - began.current.x)) / width;
    if (Math.abs(gone) > 0.05) clearTimeout(began.current.hold);
    setShare(Math.min(1, Math.max(0, gone)));
  };
  const end = () => (share >= ENOUGH ? finish() : stop());
  const key = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (!event.repeat && !props.disabled) finish();
  };
  return (
    <button
      type="button"
      ref={track}
      class="slide"
      disabled={props.disabled}
      style={{ "--share": String(share) }}
      onPointerDown={start}
      onPointerMove={move}
      onPointerUp={end}
      onPointerCancel={stop}
      onKeyDown={key}
    >
      <span class="slide-thumb mirrored">
        <Icon name="chevrons-right" />
      </span>
      <span>{props.label}</span>
      <span class="unseen">{say("courier.slide.how")}</span>
    </button>
  );
}

/** A question over everything else; Escape and the button beside it leave it. */
export function Dialog(props: {
  title: string;
  close: () => void;
  children: ComponentChildren;
  loud?: boolean;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={props.loud ? "sheet loud" : "sheet"}
      aria-label={props.title}
      onCancel={(event) => {
        event.preventDefault();
        props.close();
      }}
    >
      <header class="sheet-head">
        <h2>{props.title}</h2>
        {!props.loud && (
          <button type="button" class="square" onClick={props.close}>
            <Icon name="x" />
            <span class="unseen">{say("courier.close")}</span>
          </button>
        )}
      </header>
      {props.children}
    </dialog>
  );
}

/** Draw on a canvas with a finger or a pen; true once there is something on it. */
export function useDrawing(canvas: { current: HTMLCanvasElement | null }): [boolean, () => void] {
  const [drawn, setDrawn] = useState(false);
  useEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext("2d");
    if (!element || !pen) return;
    const scale = element.width / element.clientWidth;
    pen.lineWidth = 3 * scale;
    pen.lineCap = pen.lineJoin = "round";
    let down = false;
    const at = (event: PointerEvent): [number, number] => [
      event.offsetX * scale,
      event.offsetY * scale,
    ];
    const start = (event: PointerEvent) => {
      element.setPointerCapture(event.pointerId);
      down = true;
      pen.beginPath();
      pen.moveTo(...at(event));
    };
    const move = (event: PointerEvent) => {
      if (!down) return;
      pen.lineTo(...at(event));
      pen.stroke();
      setDrawn(true);
    };
    const end = () => {
      down = false;
    };
    element.addEventListener("pointerdown", start);
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", end);
    element.addEventListener("pointercancel", end);
    return () => {
      element.removeEventListener("pointerdown", start);
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", end);
      element.removeEventListener("pointercancel", end);
    };
  }, []);
  const wipe = () => {
    const element = canvas.current;
    element?.getContext("2d")?.clearRect(0, 0, element.width, element.height);
    setDrawn(false);
  };
  return [drawn, wipe];
}
