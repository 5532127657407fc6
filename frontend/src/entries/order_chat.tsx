// The conversations of an order, on its customer's page: opened, they are loaded.

import { render } from "preact";
import { Chat } from "../shared/chat.tsx";

for (const place of document.querySelectorAll<HTMLElement>("[data-chat]")) {
  const { chat, thread, icons } = place.dataset;
  const around = place.closest("details");
  const begin = () =>
    render(
      <Chat
        orderId={chat ?? ""}
        thread={thread === "courier" ? "courier" : "merchant"}
        icons={icons ?? ""}
      />,
      place,
    );
  if (around?.open) begin();
  else around?.addEventListener("toggle", begin, { once: true });
}
