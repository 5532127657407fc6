// What opens over the board: an order in full, why it is declined, what has run out, this screen.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { api, type Data } from "../shared/api.ts";
import { Chat } from "../shared/chat.tsx";
import { say } from "../shared/words.ts";
import { Items, Paper } from "./card.tsx";
import { KEYS } from "./keys.ts";
import { columnOf, DECLINE_REASONS } from "./model.ts";
import { Dialog, Icon } from "./parts.tsx";
import { change, settings } from "./settings.ts";
import {
  type Availability,
  alarm,
  asked,
  audible,
  board,
  decline,
  declining,
  opened,
  orders,
  page,
  setAvailability,
  startShift,
} from "./state.ts";

const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const close = () => {
  asked.value = null;
};

export function Dialogs() {
  if (asked.value === "decline") return <Decline />;
  if (asked.value === "items") return <OutOfStock />;
  if (asked.value === "settings") return <ThisScreen />;
  if (asked.value === "keys") return <Keys />;
  return opened.value ? <Details id={opened.value} /> : null;
}

function Details({ id }: { id: string }) {
  const order = orders.value.find((one) => one.id === id);
  const shut = () => {
    opened.value = null;
  };
  if (!order) return null;
  const times: [string, string | null][] = [
    ["placed", order.placed_at],
    ["accepted", order.accepted_at],
    ["ready", order.ready_at],
    ["picked_up", order.picked_up_at],
    ["ended", order.ended_at],
  ];
  return (
    <Dialog wide title={say("board.order_number", { number: order.number })} close={shut}>
      <div class="order-full">
        <div class="cluster">
          <span class="chip">{say(`board.status.${order.status.toLowerCase()}`)}</span>
          <span class="chip">{say(`board.paid.${order.payment_method}`)}</span>
          <Paper order={order} />
        </div>
        <Items order={order} />
        {order.notes && (
          <p class="order-notes">
            <Icon name="message-square" />
            <span class="unseen">{say("board.notes")}</span> <bdi dir="auto">{order.notes}</bdi>
          </p>
        )}
        <dl class="pairs">
          {times.map(([name, at]) =>
            at ? (
              <div class="pair" key={name}>
                <dt>{say(`board.at.${name}`)}</dt>
                <dd>
                  <time dateTime={at}>{time.format(Date.parse(at))}</time>
                </dd>
              </div>
            ) : null,
          )}
        </dl>
        {columnOf(order) !== "handed" && (
          <button
            type="button"
            class="button"
            onClick={() => {
              shut();
              asked.value = "items";
            }}
          >
            <Icon name="circle-x" />
            {say("board.items.title")}
          </button>
        )}
        <section aria-labelledby="order-chat">
          <h3 id="order-chat">{say("board.chat")}</h3>
          <Chat orderId={order.id} thread="merchant" icons={page.icons} />
        </section>
      </div>
    </Dialog>
  );
}

function Decline() {
  const order = orders.value.find((one) => one.id === declining.value);
  const reason = useSignal<string>(DECLINE_REASONS[0]);
  if (!order || columnOf(order) !== "new") {
    close();
    return null;
  }
  const send = () => {
    close();
    void decline(order, reason.value);
  };
  const foot = (
    <>
      <button type="button" class="button" onClick={close}>
        {say("board.keep")}
      </button>
      <button type="button" class="button danger main" onClick={send}>
        {say("board.decline_now")}
      </button>
    </>
  );
  return (
    <Dialog title={say("board.decline_title", { number: order.number })} close={close} foot={foot}>
      <fieldset>
        <legend>{say("board.decline_why")}</legend>
        <div class="choices">
          {DECLINE_REASONS.map((code) => (
            <label class="choice" key={code}>
              <input
                type="radio"
                name="reason"
                value={code}
                checked={reason.value === code}
                onChange={() => {
                  reason.value = code;
                }}
              />
              {say(`board.reason.${code}`)}
            </label>
          ))}
        </div>
      </fieldset>
      <p class="muted">{say("board.decline_lead")}</p>
    </Dialog>
  );
}

type Menu = Data<"/v4/merchants/{merchant_id}/menu", "get">;
const OUT: Availability[] = ["out_for_4_hours", "out_today", "out_indefinitely"];

function OutOfStock() {
  const menu = useSignal<Menu | null>(null);
  const failed = useSignal(false);
  const sought = useSignal("");
  const look = async () => {
    try {
      menu.value = await api("get", "/v4/merchants/{merchant_id}/menu", {
        at: { merchant_id: page.id },
      });
      failed.value = false;
    } catch {
      failed.value = true;
    }
  };
  useEffect(() => void look(), [board.value]);
  const words = sought.value.trim().toLocaleLowerCase();
  const shown = (menu.value?.categories ?? [])
    .flatMap((category) => category.products)
    .filter((p) => `${p.name_en} ${p.name_ar}`.toLocaleLowerCase().includes(words));
  return (
    <Dialog wide title={say("board.items.title")} close={close}>
      <div class="field">
        <label for="items-search">{say("board.items.search")}</label>
        <input
          id="items-search"
          type="search"
          dir="auto"
          value={sought.value}
          onInput={(event) => {
            sought.value = event.currentTarget.value;
          }}
        />
      </div>
      {failed.value && <p class="notice bad">{say("board.unreachable")}</p>}
      {!menu.value && !failed.value && (
        <div class="skeleton" aria-hidden="true">
          <i class="wide" />
          <i class="wide" />
          <i class="wide" />
        </div>
      )}
      <ul class="list">
        {shown.map((product) => (
          <Product key={product.id} product={product} changed={() => void look()} />
        ))}
      </ul>
      {menu.value && !shown.length && <p class="empty">{say("board.items.none")}</p>}
    </Dialog>
  );
}

type ProductView = Menu["categories"][number]["products"][number];

function Product({ product, changed }: { product: ProductView; changed: () => void }) {
  const before: Availability = product.available ? "available" : "out_indefinitely";
  const set = (to: Availability) => void setAvailability(product, to, before, changed);
  return (
    <li class="stock" data-out={!product.available || undefined}>
      <div>
        <strong>
          <bdi>{product.name}</bdi>
        </strong>
        {!product.available && <p class="bad">{say("board.items.out")}</p>}
      </div>
      <div class="actions">
        {product.available ? (
          OUT.map((to) => (
            <button type="button" class="button small" key={to} onClick={() => set(to)}>
              {say(`board.items.${to}`)}
              <span class="unseen"> · {product.name}</span>
            </button>
          ))
        ) : (
          <button type="button" class="button small" onClick={() => set("available")}>
            {say("board.items.available")}
            <span class="unseen"> · {product.name}</span>
          </button>
        )}
      </div>
    </li>
  );
}

function ThisScreen() {
  const { printOnAccept, keys, volume } = settings.value;
  return (
    <Dialog title={say("board.screen")} close={close}>
      <div class="field">
        <label for="volume">{say("board.volume")}</label>
        <input
          id="volume"
          type="range"
          min="20"
          max="100"
          step="10"
          value={Math.round(volume * 100)}
          onInput={(event) => change({ volume: Number(event.currentTarget.value) / 100 })}
        />
      </div>
      <button
        type="button"
        class="button"
        onClick={async () => {
          if (!audible.value) await startShift();
          else alarm.test();
        }}
      >
        <Icon name="volume-2" />
        {say("board.test_sound")}
      </button>
      <label class="switch">
        <input
          type="checkbox"
          role="switch"
          aria-checked={printOnAccept}
          checked={printOnAccept}
          onChange={(event) => change({ printOnAccept: event.currentTarget.checked })}
        />
        <span>{say("board.print_on_accept")}</span>
      </label>
      <label class="switch">
        <input
          type="checkbox"
          role="switch"
          aria-checked={keys}
          checked={keys}
          onChange={(event) => change({ keys: event.currentTarget.checked })}
        />
        <span>{say("board.use_keys")}</span>
      </label>
      <button
        type="button"
        class="button quiet"
        onClick={() => {
          asked.value = "keys";
        }}
      >
        <Icon name="keyboard" />
        {say("board.keys.title")}
      </button>
    </Dialog>
  );
}

function Keys() {
  return (
    <Dialog title={say("board.keys.title")} close={close}>
      {!settings.value.keys && <p class="notice warn">{say("board.keys.off")}</p>}
      <dl class="pairs keys">
        {KEYS.map(([key, name]) => (
          <div class="pair" key={name}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{say(`board.keys.${name}`)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
