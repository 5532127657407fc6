// The job, one door after the other, with one thing to do at a time.

import { useState } from "preact/hooks";
import { isolated, say } from "../shared/words.ts";
import type { Stop } from "./job.ts";
import { StopsMap } from "./map.tsx";
import { Icon, Slide } from "./parts.tsx";
import { ProblemScreen } from "./problem.tsx";
import { ProofScreen } from "./proof.tsx";
import { amount, arabic, clock, number } from "./say.ts";
import type { Work } from "./state.ts";
import { Talk } from "./talk.tsx";
import type { Door, Place, Sheet } from "./types.ts";

export function JobScreen({ work, stop }: { work: Work; stop: Stop }) {
  const [asking, setAsking] = useState<"proof" | "problem" | null>(null);
  const close = () => setAsking(null);
  const [first] = stop.sheets as [Sheet];
  const orders = work.stops.value.length;
  return (
    <>
      <section class="door" aria-labelledby="door-title">
        <p class="eyebrow">
          <span
            class={stop.kind === "pickup" ? "mark-pickup" : "mark-dropoff"}
            aria-hidden="true"
          />
          {title(stop)}
          <span class="expected">{say("courier.job.by", { at: clock(stop.expectedAt) })}</span>
        </p>
        <h1 id="door-title">
          <bdi>{nameOf(stop.door) || addressOf(stop.door)}</bdi>
        </h1>
        {nameOf(stop.door) && (
          <p class="address">
            <bdi>{addressOf(stop.door)}</bdi>
          </p>
        )}
        {stop.door.instructions && (
          <p class="instructions">
            <bdi>{stop.door.instructions}</bdi>
          </p>
        )}
        <Ways place={stop.door.place} />
        <StopsMap
          city={work.known.value.courier?.city_id}
          stops={[{ kind: stop.kind, place: stop.door.place }]}
          here={work.here.value}
        />
        {stop.sheets.map((sheet) => (
          <Bag key={sheet.order_id} work={work} sheet={sheet} atDoor={stop.kind === "dropoff"} />
        ))}
        {orders > 1 && <Coming stops={work.stops.value.slice(1)} />}
        <button type="button" class="button wide" onClick={() => setAsking("problem")}>
          <Icon name="triangle-alert" />
          {say("courier.job.problem")}
        </button>
      </section>
      <footer class="action">{bottom(work, stop, () => setAsking("proof"))}</footer>
      {asking === "proof" && <ProofScreen work={work} sheet={first} close={close} />}
      {asking === "problem" && <ProblemScreen work={work} stop={stop} close={close} />}
    </>
  );
}

function bottom(work: Work, stop: Stop, prove: () => void) {
  const each = stop.sheets.map((sheet) => sheet.order_id);
  if (!stop.arrived) {
    const arrive = () =>
      work.outbox.add(
        ...each.map((order_id) => ({
          do: "arrive" as const,
          order_id,
          stop: stop.kind,
        })),
      );
    const label = stop.kind === "pickup" ? "courier.job.at_pickup" : "courier.job.at_door";
    return (
      <button type="button" class="go" onClick={() => void arrive()}>
        {say(label)}
      </button>
    );
  }
  if (stop.returning) {
    const back = () =>
      work.outbox.add(...each.map((order_id) => ({ do: "bring_back" as const, order_id })));
    return (
      <Slide key={`back-${each}`} label={say("courier.job.bring_back")} done={() => void back()} />
    );
  }
  if (stop.kind === "pickup") {
    const take = () =>
      work.outbox.add(...each.map((order_id) => ({ do: "pick_up" as const, order_id })));
    return (
      <Slide
        key={`take-${each}`}
        label={say("courier.job.pick_up", { n: each.length })}
        done={() => void take()}
      />
    );
  }
  return (
    <button type="button" class="go" onClick={prove}>
      {say("courier.job.hand_over")}
    </button>
  );
}

function title(stop: Stop): string {
  if (stop.returning) return say("courier.job.returning");
  return say(stop.kind === "pickup" ? "courier.job.pickup" : "courier.job.dropoff");
}

export const nameOf = (door: Door): string => (arabic ? door.name_ar : door.name_en);
export const addressOf = (door: Door): string => (arabic ? door.address_ar : door.address_en);

/** To whichever app the courier rides with; it opens beside this one. */
function Ways({ place }: { place: Place }) {
  const at = `${place.latitude},${place.longitude}`;
  const ways = [
    ["navigation", `geo:${at}?q=${at}`, say("courier.way.phone")],
    [
      "map",
      `https://www.google.com/maps/dir/?api=1&destination=${at}&travelmode=two-wheeler`,
      "Google Maps",
    ],
    ["map", `https://maps.apple.com/?daddr=${at}`, "Apple Maps"],
  ] as const;
  return (
    <nav class="ways" aria-label={say("courier.way.title")}>
      {ways.map(([icon, address, name]) => (
        <a key={name} class="button" href={address} target="_blank" rel="noreferrer">
          <Icon name={icon} />
          <bdi>{name}</bdi>
        </a>
      ))}
    </nav>
  );
}

/** Of what the phone kept from before, the Arabic names may be missing. */
const optionsOf = (item: Sheet["items"][number]): string[] =>
  (arabic ? item.options_ar : item.options) ?? item.options;

function Bag({ work, sheet, atDoor }: { work: Work; sheet: Sheet; atDoor: boolean }) {
  return (
    <section class="bag">
      <h2>
        {say("courier.job.order", { number: isolated(`#${sheet.number}`) })}
        {sheet.ready_at && !atDoor && (
          <span class="soft">{say("courier.job.ready", { at: clock(sheet.ready_at) })}</span>
        )}
      </h2>
      {atDoor && sheet.collect_minor > 0 && (
        <p class="collect">
          <Icon name="banknote" />
          {say("courier.job.collect", {
            amount: amount(sheet.collect_minor, sheet.currency),
          })}
        </p>
      )}
      <ul>
        {sheet.items.map((item) => (
          <li key={item.name_en}>
            <b>{number(item.quantity)}×</b> <bdi>{arabic ? item.name_ar : item.name_en}</bdi>
            {optionsOf(item).map((option) => (
              <span class="soft" key={option}>
                {" · "}
                <bdi>{option}</bdi>
              </span>
            ))}
          </li>
        ))}
      </ul>
      <Talk work={work} sheet={sheet} />
    </section>
  );
}

function Coming({ stops }: { stops: Stop[] }) {
  return (
    <section class="bag">
      <h2>{say("courier.job.after")}</h2>
      <ol class="way">
        {stops.map((stop) => (
          <li key={`${stop.kind}-${stop.sheets.map((sheet) => sheet.order_id)}`}>
            <span
              class={stop.kind === "pickup" ? "mark-pickup" : "mark-dropoff"}
              aria-hidden="true"
            />
            {title(stop)}: <bdi>{nameOf(stop.door) || addressOf(stop.door)}</bdi>
          </li>
        ))}
      </ol>
    </section>
  );
}
