// The courier's app. It opens, works and keeps what was tapped without a network.

import { render } from "preact";
import { unlockSound } from "../courier/alarm.ts";
import { App } from "../courier/app.tsx";
import { Work } from "../courier/state.ts";

const root = document.getElementById("courier") as HTMLElement;
const { courier, worker } = root.dataset as { courier: string; worker: string };

const work = await Work.open(courier);
render(<App work={work} />, root);
work.begin();
addEventListener("pointerdown", unlockSound, { once: true });
void navigator.storage?.persist?.();

const registered = await navigator.serviceWorker
  ?.register(worker, { scope: "/courier", updateViaCache: "none" })
  .catch(() => null);

// A bonus where there is one: the browser says when the network is back.
type WithSync = ServiceWorkerRegistration & {
  sync?: { register(tag: string): Promise<void> };
};
if (registered) {
  work.outbox.unsent.subscribe((items) => {
    if (items.length) void (registered as WithSync).sync?.register("outbox").catch(() => undefined);
  });
}
