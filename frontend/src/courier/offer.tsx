// An offer, over everything: what it pays, how far it goes, where; yes and no are equally easy.

import { useEffect } from "preact/hooks";
import { say } from "../shared/words.ts";
import { hush, ring } from "./alarm.ts";
import { StopsMap } from "./map.tsx";
import { Dialog } from "./parts.tsx";
import { amount, clock, distance, number, secondsLeft } from "./say.ts";
import type { Work } from "./state.ts";
import type { Offer } from "./types.ts";

const ROUND = 2 * Math.PI * 44;

export function OfferScreen({ work, offer }: { work: Work; offer: Offer }) {
  useEffect(() => {
    ring();
    return hush;
  }, [offer.id]);
  const answer = (how: "accept" | "reject") => {
    hush();
    void work.ask(`/offers/${offer.id}/${how}`, how === "reject" ? {} : undefined);
  };
  const left_s = secondsLeft(offer.expires_at, work.now.value);
  const whole_s = (Date.parse(offer.expires_at) - Date.parse(offer.made_at)) / 1000;
  const pickups = offer.stops.filter((stop) => stop.kind === "pickup").length;
  const doors = offer.stops.length - pickups;
  return (
    <Dialog title={say("courier.offer.title")} close={() => answer("reject")} loud>
      <div class="offer">
        <div class="offer-top">
          <div
            class="ring"
            role="timer"
            aria-label={say("courier.offer.left", { n: Math.ceil(left_s) })}
          >
            <svg viewBox="0 0 100 100" aria-hidden="true">
              <circle class="ring-track" cx="50" cy="50" r="44" />
              <circle
                class={left_s < 8 ? "ring-left soon" : "ring-left"}
                cx="50"
                cy="50"
                r="44"
                stroke-dasharray={ROUND}
                stroke-dashoffset={ROUND * (1 - Math.min(1, left_s / whole_s))}
              />
            </svg>
            <strong>{number(Math.ceil(left_s))}</strong>
          </div>
          <dl class="offer-facts">
            <div class="offer-fact pay">
              <dt>{say("courier.offer.pay")}</dt>
              <dd>{amount(offer.estimated_earning_minor, offer.currency)}</dd>
            </div>
            <div class="offer-fact">
              <dt>{say("courier.offer.distance")}</dt>
              <dd>{distance(offer.distance_m)}</dd>
            </div>
          </dl>
        </div>
        <p class="offer-line">
          {offer.prep_state === "ready" || !offer.ready_at
            ? say("courier.offer.ready")
            : say("courier.offer.ready_at", { at: clock(offer.ready_at) })}
          {" · "}
          {say("courier.offer.orders", { n: offer.deliveries })}
          {offer.collect_minor > 0 && (
            <>
              {" · "}
              {say("courier.offer.collect", {
                amount: amount(offer.collect_minor, offer.currency),
              })}
            </>
          )}
        </p>
        <ol class="way">
          <li>
            <span class="mark-pickup" aria-hidden="true" />
            {say("courier.offer.to_pickup", {
              distance: distance(offer.distance_to_pickup_m),
            })}
          </li>
          <li>
            <span class="mark-dropoff" aria-hidden="true" />
            {say("courier.offer.then", {
              n: doors,
              distance: distance(offer.distance_m - offer.distance_to_pickup_m),
              at: clock(offer.stops.at(-1)?.at ?? offer.expires_at),
            })}
          </li>
        </ol>
        <StopsMap
          city={work.known.value.courier?.city_id}
          stops={offer.stops.map((stop) => ({
            kind: stop.kind,
            place: stop.place,
          }))}
          here={work.here.value}
        />
        <div class="answers">
          <button
            type="button"
            class="answer no"
            disabled={work.busy.value}
            onClick={() => answer("reject")}
          >
            {say("courier.offer.decline")}
          </button>
          <button
            type="button"
            class="answer yes"
            disabled={work.busy.value}
            onClick={() => answer("accept")}
          >
            {say("courier.offer.accept")}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
