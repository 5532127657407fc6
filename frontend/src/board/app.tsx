// The board of a merchant: four columns, and on a telephone one of them at a time.

import { useSignal } from "@preact/signals";
import { say } from "../shared/words.ts";
import { Card } from "./card.tsx";
import { Dialogs } from "./dialogs.tsx";
import { COLUMNS, type Column, clock, inColumn, matches } from "./model.ts";
import { Icon, State } from "./parts.tsx";
import { settings, shift } from "./settings.ts";
import {
  asked,
  audible,
  board,
  calling,
  cut,
  failed,
  heardAt,
  live,
  load,
  now,
  orders,
  pause,
  resume,
  see,
  setBusy,
  sought,
  sounding,
  startShift,
} from "./state.ts";
import { Ticket } from "./ticket.tsx";

const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const BUSY_MIN = [10, 20];
const PAUSE_MIN = [15, 30, 60];

export function App() {
  return (
    <>
      <div
        class="board no-print"
        data-alarm={sounding.value ?? "quiet"}
        data-audible={audible.value}
        data-live={live.value}
      >
        <div class="board-states">
          <Connection />
          <Sound />
          <NewOrders />
          <Taking />
        </div>
        <Tools />
        <Columns />
      </div>
      <Dialogs />
      <Ticket />
    </>
  );
}

function Connection() {
  if (cut.value) {
    const since = heardAt.value ? clock(now.value - heardAt.value) : "";
    const words = say(live.value === "offline" ? "board.offline" : "board.cut", { since });
    return <State tone="bad" icon="wifi-off" words={words} />;
  }
  if (failed.value === null) return null;
  return (
    <State tone="bad" icon="triangle-alert" words={failed.value}>
      <button type="button" class="button small" onClick={() => void load()}>
        {say("board.retry")}
      </button>
    </State>
  );
}

function Sound() {
  if (shift.value && audible.value) return null;
  return (
    <State
      tone="warn"
      icon="volume-x"
      words={say(shift.value ? "board.sound_is_off" : "board.shift_lead")}
    >
      <button type="button" class="button main" id="start-shift" onClick={() => void startShift()}>
        <Icon name="bell" />
        {say(shift.value ? "board.sound_on" : "board.start_shift")}
      </button>
    </State>
  );
}

function NewOrders() {
  const n = calling.value.length;
  return (
    <div aria-live="assertive">
      {n > 0 && (
        <div class="state board-calling" data-tone="alarm">
          <Icon name="bell" />
          <strong>{say("board.new_orders", { n })}</strong>
          <button type="button" class="button" onClick={() => see(calling.value)}>
            <Icon name="bell-off" />
            {say("board.seen")}
          </button>
        </div>
      )}
    </div>
  );
}

function Taking() {
  const merchant = board.value?.merchant;
  if (!merchant || merchant.taking) return null;
  const at = merchant.paused_until ? time.format(Date.parse(merchant.paused_until)) : "";
  const again = (
    <button type="button" class="button" onClick={() => void resume()}>
      <Icon name="play" />
      {say("board.resume")}
    </button>
  );
  if (merchant.paused && merchant.paused_because === "missed_orders") {
    const words = say("board.auto_paused", { n: merchant.missed_in_a_row, at });
    return (
      <State tone="bad" icon="pause" words={words}>
        {again}
      </State>
    );
  }
  if (merchant.paused) {
    const words = at ? say("board.paused_until", { at }) : say("board.paused_until_resumed");
    return (
      <State tone="warn" icon="pause" words={words}>
        {again}
      </State>
    );
  }
  const opens = merchant.opens_at ? time.format(Date.parse(merchant.opens_at)) : "";
  const words = opens ? say("board.closed_until", { at: opens }) : say("board.closed");
  return <State tone="info" icon="clock" words={words} />;
}

function Tools() {
  const merchant = board.value?.merchant;
  const busy = Math.round((merchant?.busy_extra_s ?? 0) / 60);
  return (
    <div class="board-tools">
      <div class="board-find">
        <label for="board-search" class="unseen">
          {say("board.search")}
        </label>
        <input
          id="board-search"
          type="search"
          dir="auto"
          placeholder={say("board.search")}
          value={sought.value}
          onInput={(event) => {
            sought.value = event.currentTarget.value;
          }}
        />
      </div>
      <fieldset class="board-switch">
        <legend class="unseen">{say("board.busy")}</legend>
        <span aria-hidden="true">{say("board.busy")}</span>
        <span class="segments words">
          {[0, ...BUSY_MIN].map((n) => (
            <button type="button" key={n} aria-pressed={busy === n} onClick={() => void setBusy(n)}>
              {n ? say("board.plus_min", { n }) : say("board.usual")}
            </button>
          ))}
        </span>
      </fieldset>
      {merchant && !merchant.paused && (
        <details class="menu board-menu">
          <summary class="button">
            <Icon name="pause" />
            {say("board.pause")}
          </summary>
          <ul>
            {PAUSE_MIN.map((n) => (
              <li key={n}>
                <button type="button" class="button quiet wide" onClick={(event) => pick(event, n)}>
                  {say("board.for_min", { n })}
                </button>
              </li>
            ))}
            <li>
              <button
                type="button"
                class="button quiet wide"
                onClick={(event) => pick(event, null)}
              >
                {say("board.until_resumed")}
              </button>
            </li>
          </ul>
        </details>
      )}
      <button
        type="button"
        class="button"
        data-asks="items"
        onClick={() => {
          asked.value = "items";
        }}
      >
        <Icon name="circle-x" />
        <span class="unseen-narrow">{say("board.items.short")}</span>
      </button>
      <button
        type="button"
        class="button square"
        data-asks="settings"
        onClick={() => {
          asked.value = "settings";
        }}
      >
        <Icon name="settings" />
        <span class="unseen">{say("board.screen")}</span>
      </button>
    </div>
  );
}

function pick(event: MouseEvent, n: number | null): void {
  (event.currentTarget as HTMLElement).closest("details")?.removeAttribute("open");
  void pause(n);
}

function Columns() {
  const chosen = useSignal<Column>("new");
  const shown = orders.value.filter((order) => matches(order, sought.value));
  const loud = calling.value.length > 0;
  return (
    <>
      <div class="board-tabs" role="tablist" aria-label={say("board.columns")}>
        {COLUMNS.map((column) => (
          <button
            type="button"
            role="tab"
            id={`tab-${column}`}
            aria-controls={`column-${column}`}
            key={column}
            aria-selected={chosen.value === column}
            data-loud={(column === "new" && loud) || undefined}
            onClick={() => {
              chosen.value = column;
            }}
          >
            {say(`board.column.${column}`)}{" "}
            <span class="count">{inColumn(shown, column).length}</span>
          </button>
        ))}
      </div>
      <div class="board-columns" data-chosen={chosen.value}>
        {COLUMNS.map((column) => (
          <section
            class="board-column"
            id={`column-${column}`}
            data-column={column}
            key={column}
            aria-labelledby={`head-${column}`}
          >
            <h2 id={`head-${column}`}>
              {say(`board.column.${column}`)}{" "}
              <span class="count muted">{inColumn(shown, column).length}</span>
            </h2>
            {board.value === null ? (
              <div class="skeleton" aria-hidden="true">
                <i class="wide" />
                <i />
                <i class="half" />
              </div>
            ) : (
              <Orders column={column} shown={shown} />
            )}
          </section>
        ))}
      </div>
      {settings.value.keys && <p class="board-hint muted">{say("board.keys.hint")}</p>}
    </>
  );
}

function Orders({ column, shown }: { column: Column; shown: typeof orders.value }) {
  const here = inColumn(shown, column);
  if (!here.length) {
    return (
      <p class="board-none muted">
        {say(sought.value ? "board.none_found" : `board.none.${column}`)}
      </p>
    );
  }
  return (
    <ul class="board-orders">
      {here.map((order) => (
        <Card key={order.id} order={order} />
      ))}
    </ul>
  );
}
