// When it does not go as planned: what is the matter, and what happens then.

import { useState } from "preact/hooks";
import { say } from "../shared/words.ts";
import type { Stop } from "./job.ts";
import { Dialog, Icon, Slide } from "./parts.tsx";
import type { Work } from "./state.ts";
import type { Reason, Tap } from "./types.ts";

/** What may be the matter, and the code that says it; null: it goes back to the search. */
const AT_DOOR: [string, string, Reason][] = [
  ["map-pin-x", "cannot_find", "wrong_address"],
  ["user-x", "nobody_there", "customer_absent"],
  ["hand", "refused", "customer_refused"],
  ["package-x", "damaged", "damaged"],
  ["bike", "vehicle", "vehicle"],
  ["shield-alert", "unsafe", "unsafe_place"],
];
const AT_COUNTER: [string, string][] = [
  ["clock-alert", "not_ready"],
  ["store", "closed"],
  ["bike", "vehicle"],
  ["shield-alert", "unsafe"],
];

export function ProblemScreen(props: { work: Work; stop: Stop; close: () => void }) {
  const { work, stop } = props;
  const [what, setWhat] = useState<string | null>(null);
  const [note, setNote] = useState("");
  const onBoard = stop.kind === "dropoff" || stop.returning;
  const choices = onBoard ? AT_DOOR : AT_COUNTER;
  const report = async () => {
    await work.outbox.add(
      ...stop.sheets.map((sheet): Tap => tapFor(sheet.order_id, what, note, onBoard)),
    );
    props.close();
  };
  return (
    <Dialog title={say("courier.problem.title")} close={props.close}>
      <fieldset class="choices tall">
        <legend class="unseen">{say("courier.problem.title")}</legend>
        {choices.map(([icon, name]) => (
          <button
            key={name}
            type="button"
            class="choice"
            aria-pressed={what === name}
            onClick={() => setWhat(name)}
          >
            <Icon name={icon} />
            {say(`courier.problem.${name}`)}
          </button>
        ))}
      </fieldset>
      <label class="note">
        <span>{say("courier.problem.note")}</span>
        <textarea
          maxLength={500}
          rows={2}
          value={note}
          onInput={(event) => setNote(event.currentTarget.value)}
        />
      </label>
      <p class="hint">
        {say(onBoard ? "courier.problem.then_back" : "courier.problem.then_another")}
      </p>
      {!stop.returning && (
        <footer class="action">
          <Slide
            label={say(onBoard ? "courier.problem.cannot_deliver" : "courier.problem.give_back")}
            disabled={what === null}
            done={() => void report()}
          />
        </footer>
      )}
    </Dialog>
  );
}

function tapFor(order_id: string, what: string | null, note: string, onBoard: boolean): Tap {
  const said = note.trim();
  if (!onBoard) {
    const why = what ? say(`courier.problem.${what}`) : "";
    return {
      do: "give_back",
      order_id,
      note: [why, said].filter(Boolean).join(": "),
    };
  }
  const [, , reason] =
    AT_DOOR.find(([, name]) => name === what) ?? (AT_DOOR[1] as [string, string, Reason]);
  return {
    do: "cannot_deliver",
    order_id,
    reason,
    ...(said ? { note: said } : {}),
  };
}
