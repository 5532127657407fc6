// Between jobs: on duty, on a break, or off.

import { useState } from "preact/hooks";
import { say } from "../shared/words.ts";
import { unlockSound } from "./alarm.ts";
import { Dialog, Icon } from "./parts.tsx";
import { countdown, number } from "./say.ts";
import type { Work } from "./state.ts";

const BREAKS_MIN = [10, 20, 30, 60];

export function DutyScreen({ work }: { work: Work }) {
  const { availability, breakEndsAt } = work.duty.value;
  if (availability === "OFFLINE") return <OffDuty work={work} />;
  if (availability === "ON_BREAK") return <OnBreak work={work} until={breakEndsAt} />;
  return <Free work={work} />;
}

function OffDuty({ work }: { work: Work }) {
  const offline = work.live.value === "offline";
  const fault = work.known.value.courier?.fault;
  const start = () => {
    unlockSound();
    void work.ask("/availability/start-shift");
  };
  return (
    <>
      <section class="duty">
        <Icon name="moon" />
        <h1>{say("courier.duty.off")}</h1>
        <p>
          {say(
            fault
              ? "courier.duty.unsafe"
              : offline
                ? "courier.duty.needs_network"
                : "courier.duty.off_hint",
          )}
        </p>
      </section>
      <footer class="action">
        <button
          type="button"
          class="go"
          disabled={work.busy.value || offline || !!fault}
          onClick={start}
        >
          {say("courier.duty.start")}
        </button>
      </footer>
    </>
  );
}

function OnBreak({ work, until }: { work: Work; until: string | null }) {
  return (
    <>
      <section class="duty">
        <Icon name="coffee" />
        <h1>{say("courier.duty.on_break")}</h1>
        {until && (
          <p class="big-clock" role="timer">
            {countdown(until, work.now.value)}
          </p>
        )}
        <p>{work.known.value.courier?.message ?? say("courier.duty.break_hint")}</p>
        <button
          type="button"
          class="button wide"
          onClick={() => void work.outbox.add({ do: "end_shift" })}
        >
          <Icon name="moon" />
          {say("courier.duty.end")}
        </button>
      </section>
      <footer class="action">
        <button type="button" class="go" onClick={() => void work.outbox.add({ do: "resume" })}>
          {say("courier.duty.resume")}
        </button>
      </footer>
    </>
  );
}

function Free({ work }: { work: Work }) {
  const [resting, setResting] = useState(false);
  const offline = work.live.value === "offline";
  const pause = (minutes: number) => {
    setResting(false);
    void work.outbox.add({ do: "take_break", minutes });
  };
  return (
    <>
      <section class="duty free">
        <span class={offline ? "beacon still" : "beacon"} aria-hidden="true" />
        <h1>{say("courier.duty.free")}</h1>
        <p>
          {offline
            ? say("courier.duty.free_offline")
            : (work.known.value.courier?.message ?? say("courier.duty.free_hint"))}
        </p>
        {work.noPositions.value && <p class="hint bad">{say("courier.duty.no_positions")}</p>}
      </section>
      <footer class="action pair">
        <button type="button" class="button" onClick={() => setResting(true)}>
          <Icon name="coffee" />
          {say("courier.duty.break")}
        </button>
        <button
          type="button"
          class="button"
          onClick={() => void work.outbox.add({ do: "end_shift" })}
        >
          <Icon name="moon" />
          {say("courier.duty.end")}
        </button>
      </footer>
      {resting && (
        <Dialog title={say("courier.duty.break")} close={() => setResting(false)}>
          <div class="choices last">
            {BREAKS_MIN.map((minutes) => (
              <button key={minutes} type="button" class="choice" onClick={() => pause(minutes)}>
                {say("courier.duty.minutes", { n: minutes, count: number(minutes) })}
              </button>
            ))}
          </div>
        </Dialog>
      )}
    </>
  );
}
