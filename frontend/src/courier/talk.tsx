// Words with the customer: in the app, or by a call in which nobody sees the other's number.

import { useState } from "preact/hooks";
import { Chat } from "../shared/chat.tsx";
import { isolated, say } from "../shared/words.ts";
import { Dialog, Icon, sprite } from "./parts.tsx";
import { number } from "./say.ts";
import type { Work } from "./state.ts";
import type { Sheet } from "./types.ts";

export function Talk({ work, sheet }: { work: Work; sheet: Sheet }) {
  const [writing, setWriting] = useState(false);
  const { order_id, unread } = sheet;
  return (
    <>
      <div class="pair talk">
        <button type="button" class="button" onClick={() => setWriting(true)}>
          <Icon name="message-circle" />
          {say("courier.talk.write")}{" "}
          {unread > 0 && (
            <span class="badge">
              {number(unread)}
              <span class="unseen"> {say("chat.unread")}</span>
            </span>
          )}
        </button>
        <button
          type="button"
          class="button"
          disabled={work.busy.value}
          onClick={() => void work.dial(order_id)}
        >
          <Icon name="phone" />
          {say("chat.call")}
        </button>
      </div>
      {writing && (
        <Dialog
          title={say("courier.talk.with", { number: isolated(`#${sheet.number}`) })}
          close={() => setWriting(false)}
        >
          {work.live.value === "offline" && (
            <p class="hint">
              <Icon name="wifi-off" /> {say("courier.talk.needs_network")}
            </p>
          )}
          <Chat orderId={order_id} thread="courier" icons={sprite} />
        </Dialog>
      )}
    </>
  );
}
