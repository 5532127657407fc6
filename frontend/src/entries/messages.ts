// The messages of an order: asked for again when somebody has written or read something.

import { on } from "../shared/live.ts";

const chat = document.getElementById("chat");
if (chat) {
  const hear = ({ orderId }: { orderId: string }) => {
    if (orderId === chat.dataset["order"]) chat.dispatchEvent(new CustomEvent("chat-changed"));
  };
  on("order_message", hear);
  on("order_messages_read", hear);
}
