// Handing over: whatever the city asks for, and one slide.

import { useEffect, useRef, useState } from "preact/hooks";
import { say } from "../shared/words.ts";
import type { Picture } from "./database.ts";
import { Dialog, Icon, Slide, useDrawing } from "./parts.tsx";
import { drawPhoto, photoOf, signatureOf } from "./pictures.ts";
import { amount } from "./say.ts";
import type { Work } from "./state.ts";
import type { Proof, Sheet } from "./types.ts";
import { uuid7 } from "./uuid.ts";

const ICONS = {
  pin: "key-round",
  photo: "camera",
  signature: "signature",
} as const;

export function ProofScreen(props: { work: Work; sheet: Sheet; close: () => void }) {
  const { work, sheet } = props;
  const offered = sheet.handover.proofs;
  const [how, setHow] = useState<Proof | null>(offered[0] ?? null);
  const [pin, setPin] = useState("");
  const [photographed, setPhotographed] = useState(false);
  const photo = useRef<HTMLCanvasElement>(null);
  const paper = useRef<HTMLCanvasElement>(null);
  const signed = useRef(false);
  const [ready, setReady] = useState(false);
  const enough =
    how === null ||
    (how === "pin" && /^\d{4}$/.test(pin)) ||
    (how === "photo" && photographed) ||
    (how === "signature" && ready);
  const deliver = async () => {
    const pictures: Picture[] = [];
    const keep = (kind: Picture["kind"], content: Blob) =>
      pictures.push({
        id: uuid7(),
        order_id: sheet.order_id,
        kind,
        taken_at: new Date().toISOString(),
        content,
      });
    if (photographed && photo.current) keep("photo", await photoOf(photo.current));
    if (signed.current && paper.current) keep("signature", await signatureOf(paper.current));
    const tap = { do: "deliver" as const, order_id: sheet.order_id };
    const proof_ids = pictures.map((picture) => picture.id);
    await work.outbox.addShown(pictures, {
      ...tap,
      ...(/^\d{4}$/.test(pin) ? { pin } : {}),
      ...(proof_ids.length ? { proof_ids } : {}),
    });
    props.close();
  };
  return (
    <Dialog title={say("courier.proof.title")} close={props.close}>
      {sheet.collect_minor > 0 && (
        <p class="collect">
          <Icon name="banknote" />
          {say("courier.job.collect", {
            amount: amount(sheet.collect_minor, sheet.currency),
          })}
        </p>
      )}
      <fieldset class="choices proofs">
        <legend class="unseen">{say("courier.proof.how")}</legend>
        {offered.map((one) => (
          <button
            key={one}
            type="button"
            class="choice"
            aria-pressed={how === one}
            onClick={() => setHow(one)}
          >
            <Icon name={ICONS[one]} />
            {say(`courier.proof.${one}`)}
          </button>
        ))}
      </fieldset>
      <div hidden={how !== "pin"}>
        <PinEntry pin={pin} change={setPin} />
        {work.live.value === "offline" && <p class="hint">{say("courier.proof.pin_offline")}</p>}
      </div>
      <div hidden={how !== "photo"}>
        <PhotoEntry canvas={photo} taken={photographed} took={setPhotographed} />
      </div>
      <div hidden={how !== "signature"}>
        {how === "signature" && (
          <SignatureEntry
            canvas={paper}
            drew={(is) => {
              signed.current = is;
              setReady(is);
            }}
          />
        )}
      </div>
      <footer class="action">
        <Slide
          label={say("courier.job.delivered")}
          disabled={!enough}
          done={() => void deliver()}
        />
      </footer>
    </Dialog>
  );
}

function PinEntry({ pin, change }: { pin: string; change: (pin: string) => void }) {
  return (
    <label class="pin">
      <span>{say("courier.proof.ask_pin")}</span>
      <input
        inputMode="numeric"
        autocomplete="off"
        maxLength={4}
        pattern="[0-9]{4}"
        dir="ltr"
        value={pin}
        onInput={(event) => change(digits(event.currentTarget.value))}
      />
    </label>
  );
}

/** Digits of any script, as the server knows them. */
export function digits(typed: string): string {
  return typed
    .replace(/[٠-٩]/g, (d) => String(d.charCodeAt(0) - 0x660))
    .replace(/[۰-۹]/g, (d) => String(d.charCodeAt(0) - 0x6f0))
    .replace(/\D/g, "")
    .slice(0, 4);
}

function PhotoEntry(props: {
  canvas: { current: HTMLCanvasElement | null };
  taken: boolean;
  took: (is: boolean) => void;
}) {
  const [failed, setFailed] = useState(false);
  const take = async (input: HTMLInputElement) => {
    const file = input.files?.[0];
    if (!file || !props.canvas.current) return;
    try {
      await drawPhoto(file, props.canvas.current);
      setFailed(false);
      props.took(true);
    } catch {
      setFailed(true);
    }
  };
  return (
    <div class="photo">
      <label class="button wide camera">
        <Icon name="camera" />
        {say(props.taken ? "courier.proof.again" : "courier.proof.take")}
        <input
          class="unseen"
          type="file"
          accept="image/*"
          capture="environment"
          onChange={(event) => void take(event.currentTarget)}
        />
      </label>
      {failed && <p class="hint bad">{say("courier.proof.no_photo")}</p>}
      <canvas
        ref={props.canvas}
        class="preview"
        hidden={!props.taken}
        role="img"
        aria-label={say("courier.proof.photo")}
      />
    </div>
  );
}

function SignatureEntry(props: {
  canvas: { current: HTMLCanvasElement | null };
  drew: (is: boolean) => void;
}) {
  const [drawn, wipe] = useDrawing(props.canvas);
  useEffect(() => props.drew(drawn), [drawn]);
  return (
    <div class="paper">
      <p id="sign-here">{say("courier.proof.sign")}</p>
      <canvas ref={props.canvas} width={900} height={420} role="img" aria-labelledby="sign-here" />
      <button type="button" class="button" onClick={wipe} disabled={!drawn}>
        <Icon name="eraser" />
        {say("courier.proof.wipe")}
      </button>
    </div>
  );
}
