// An order on the board: what is in it, what is due, and what comes next.

import { useSignal } from "@preact/signals";
import { say } from "../shared/words.ts";
import {
  COURIER_STALE_S,
  clock,
  columnOf,
  MOST_PREP_MIN,
  minutes,
  type Order,
  PREP_STEP_MIN,
  pieces,
} from "./model.ts";
import { print } from "./paper.ts";
import { Icon } from "./parts.tsx";
import {
  accept,
  asked,
  board,
  calling,
  declining,
  moveReadyTime,
  opened,
  pending,
  see,
  step,
  today,
} from "./state.ts";

const locale = document.documentElement.lang;
export const nameOf = (item: Order["items"][number]): string =>
  locale === "ar" ? item.name_ar : item.name_en;
export const optionsOf = (item: Order["items"][number]): string[] =>
  locale === "ar" ? item.options_ar : item.options;

export function Card({ order }: { order: Order }) {
  const column = columnOf(order);
  const loud = calling.value.some(({ id }) => id === order.id);
  const busy = pending.value.has(order.id);
  return (
    <li
      class="order"
      data-order={order.id}
      data-status={order.status}
      data-loud={loud || undefined}
      aria-busy={busy}
    >
      <header class="order-head">
        <button
          type="button"
          class="order-number"
          onClick={() => {
            see([order]);
            opened.value = order.id;
          }}
        >
          <span class="unseen">{say("board.order")} </span>
          <bdi>#{order.number}</bdi>
        </button>
        <Due order={order} />
      </header>
      <Items order={order} />
      {order.notes && (
        <p class="order-notes">
          <Icon name="message-square" />
          <span class="unseen">{say("board.notes")}</span> <bdi dir="auto">{order.notes}</bdi>
        </p>
      )}
      <Courier order={order} />
      {order.unread > 0 && (
        <button
          type="button"
          class="button small order-unread"
          onClick={() => (opened.value = order.id)}
        >
          <Icon name="message-circle" />
          {say("board.unread", { n: order.unread })}
        </button>
      )}
      {column === "new" && <Answer order={order} loud={loud} busy={busy} />}
      {column === "preparing" && <Preparing order={order} busy={busy} />}
      {column === "ready" && <Ready order={order} busy={busy} />}
      {order.status === "UNDELIVERABLE" && (
        <button
          type="button"
          class="button wide"
          disabled={busy}
          onClick={() => step(order, "return")}
        >
          <Icon name="rotate-ccw" />
          {say("board.returned")}
        </button>
      )}
    </li>
  );
}

export function Items({ order }: { order: Order }) {
  return (
    <ul class="order-items">
      {order.items.map((item) => (
        <li key={item.product_id + item.options.join()}>
          <b class="order-quantity" data-many={item.quantity > 1 || undefined}>
            {item.quantity}×
          </b>
          <span>
            <bdi>{nameOf(item)}</bdi>
            {optionsOf(item).map((option) => (
              <span class="order-option" key={option}>
                <bdi>{option}</bdi>
              </span>
            ))}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Due({ order }: { order: Order }) {
  const column = columnOf(order);
  if (column === "new" && order.answer_by_at) {
    const left_ms = Date.parse(order.answer_by_at) - today.value;
    const whole_ms = Date.parse(order.answer_by_at) - Date.parse(order.offered_at);
    return (
      <span
        class="due"
        data-tone={left_ms < 60_000 ? "bad" : "warn"}
        title={say("board.answer_within")}
      >
        <Ring share={Math.max(0, Math.min(1, left_ms / whole_ms))} />
        <span class="unseen">{say("board.answer_within")} </span>
        <time>{clock(Math.max(0, left_ms))}</time>
      </span>
    );
  }
  if (column === "preparing" && order.ready_at) {
    const left_ms = Date.parse(order.ready_at) - today.value;
    return (
      <span class="due" data-tone={left_ms < 0 ? "bad" : ""} title={say("board.ready_in")}>
        <Icon name="chef-hat" />
        <span class="unseen">{say("board.ready_in")} </span>
        <time>{clock(left_ms)}</time>
      </span>
    );
  }
  if (column === "ready" && order.ready_at) {
    const waits_ms = today.value - Date.parse(order.ready_at);
    return (
      <span
        class="due"
        data-tone={waits_ms > 600_000 ? "bad" : "good"}
        title={say("board.waits_for")}
      >
        <Icon name="package-check" />
        <span class="unseen">{say("board.waits_for")} </span>
        <time>{clock(waits_ms)}</time>
      </span>
    );
  }
  return (
    <span class="due" data-tone={order.status === "CANCELLED" ? "bad" : "off"}>
      {say(`board.status.${order.status.toLowerCase()}`)}
    </span>
  );
}

const ROUND = 2 * Math.PI * 9;

function Ring({ share }: { share: number }) {
  return (
    <svg class="ring" viewBox="0 0 24 24" aria-hidden="true">
      <circle class="ring-ground" cx="12" cy="12" r="9" />
      <circle
        class="ring-left"
        cx="12"
        cy="12"
        r="9"
        stroke-dasharray={ROUND}
        stroke-dashoffset={ROUND * (1 - share)}
      />
    </svg>
  );
}

function Courier({ order }: { order: Order }) {
  const { courier } = order;
  if (!courier) return null;
  const age_s = courier.seen_age_s;
  if (courier.arrived) {
    return (
      <p class="order-courier" data-tone="good">
        <Icon name="bike" />
        <b>{say("board.courier_here")}</b>
      </p>
    );
  }
  const away = courier.expected_at ? minutes(Date.parse(courier.expected_at) - today.value) : null;
  return (
    <p class="order-courier">
      <Icon name="bike" />
      <span>
        {away === null ? say("board.courier_coming") : say("board.courier_in", { n: away })}
      </span>
      {age_s !== null && age_s > COURIER_STALE_S && (
        <span class="muted">{say("board.courier_seen", { n: Math.round(age_s / 60) || 1 })}</span>
      )}
    </p>
  );
}

function Answer({ order, loud, busy }: { order: Order; loud: boolean; busy: boolean }) {
  const extra_s = board.value?.merchant.busy_extra_s ?? 0;
  const prep = useSignal(Math.max(1, Math.round(Math.max(order.prep_time_s, extra_s) / 60)));
  const move = (by: number) => {
    prep.value = Math.max(PREP_STEP_MIN, Math.min(MOST_PREP_MIN, prep.value + by));
  };
  return (
    <div class="order-acts">
      <fieldset class="order-prep">
        <legend>{say("board.prep_time")}</legend>
        <span class="stepper">
          <button type="button" data-act="less" onClick={() => move(-PREP_STEP_MIN)}>
            <Icon name="minus" />
            <span class="unseen">{say("board.five_less")}</span>
          </button>
          <output aria-live="polite">{say("board.min", { n: prep.value })}</output>
          <button type="button" data-act="more" onClick={() => move(PREP_STEP_MIN)}>
            <Icon name="plus" />
            <span class="unseen">{say("board.five_more")}</span>
          </button>
        </span>
      </fieldset>
      <button
        type="button"
        class="button main large"
        data-act="accept"
        disabled={busy}
        onClick={() => accept(order, prep.value)}
      >
        <Icon name="check" />
        {say("board.accept")}
      </button>
      <div class="actions">
        {loud && (
          <button type="button" class="button" data-act="see" onClick={() => see([order])}>
            <Icon name="bell-off" />
            {say("board.seen")}
          </button>
        )}
        <button
          type="button"
          class="button danger"
          data-act="decline"
          disabled={busy}
          onClick={() => {
            see([order]);
            declining.value = order.id;
            asked.value = "decline";
          }}
        >
          {say("board.decline")}
        </button>
      </div>
    </div>
  );
}

function Preparing({ order, busy }: { order: Order; busy: boolean }) {
  return (
    <div class="order-acts">
      <button
        type="button"
        class="button main large"
        data-act="ready"
        disabled={busy}
        onClick={() => step(order, "ready")}
      >
        <Icon name="package-check" />
        {say("board.ready")}
      </button>
      <div class="actions">
        <button
          type="button"
          class="button"
          data-act="less"
          disabled={busy}
          onClick={() => moveReadyTime(order, -PREP_STEP_MIN)}
        >
          {say("board.minus_five")}
          <span class="unseen"> {say("board.five_less")}</span>
        </button>
        <button
          type="button"
          class="button"
          data-act="more"
          disabled={busy}
          onClick={() => moveReadyTime(order, PREP_STEP_MIN)}
        >
          {say("board.plus_five")}
          <span class="unseen"> {say("board.five_more")}</span>
        </button>
        <Paper order={order} />
      </div>
    </div>
  );
}

function Ready({ order, busy }: { order: Order; busy: boolean }) {
  return (
    <div class="order-acts">
      {order.may_hand_over ? (
        <button
          type="button"
          class="button main large"
          data-act="hand"
          disabled={busy}
          onClick={() => step(order, "pick-up")}
        >
          <Icon name="hand" />
          {say("board.hand_over")}
        </button>
      ) : (
        <p class="muted">
          {say(order.courier ? "board.hand_when_here" : "board.looking_for_courier")}
        </p>
      )}
      <div class="actions">
        <span class="muted">{say("board.pieces", { n: pieces(order) })}</span>
        <Paper order={order} />
      </div>
    </div>
  );
}

export function Paper({ order }: { order: Order }) {
  return (
    <button type="button" class="button quiet square" data-act="print" onClick={() => print(order)}>
      <Icon name="printer" />
      <span class="unseen">{say("board.print", { number: order.number })}</span>
    </button>
  );
}
