// What is done about orders from the live city: at once, and with a way back.

import { api, Problem, Unreachable } from "../shared/api.ts";
import { toast } from "../shared/toast.ts";
import { isolated, say } from "../shared/words.ts";
import { $ } from "./page.ts";

interface About {
  id: string;
  number: string;
}

const why = (error: unknown): string =>
  error instanceof Problem
    ? error.message
    : say(error instanceof Unreachable ? "js.unreachable" : "js.failed");

/** Give an order to a courier, or without one back to the search; taken back by the toast. */
export async function assign(
  order: About,
  courier: { id: string; name: string } | null,
  done: () => void,
): Promise<void> {
  const number = `#${order.number}`;
  const said = courier
    ? say("js.assigned", { number, courier: isolated(courier.name) })
    : say("js.searched", { number });
  let settled: Promise<unknown> = Promise.resolve();
  const take = toast({
    words: said,
    action: {
      words: say("acts.undo"),
      run: async () => {
        await settled.catch(() => null);
        try {
          await api("post", "/v4/admin/assignments/{reference_id}/undo", {
            at: { reference_id: order.id },
          });
          toast({ words: say("js.undone") });
        } catch (error) {
          toast({ words: say("js.not_done", { number, why: why(error) }), tone: "bad" });
        }
        done();
      },
    },
  });
  settled = api("post", "/v4/admin/assignments/{reference_id}/reassign", {
    at: { reference_id: order.id },
    body: { reason: say("js.by_hand"), courier_id: courier?.id ?? null },
  });
  try {
    await settled;
  } catch (error) {
    take();
    toast({ words: say("js.not_done", { number, why: why(error) }), tone: "bad" });
  }
  done();
}

/** The same about several, one after another; each with its outcome. */
export async function aboutAll(
  act: "escalate" | "reassign",
  orders: About[],
  done: () => void,
): Promise<void> {
  const list = $("outcomes-list");
  list.replaceChildren();
  $<HTMLDialogElement>("outcomes").showModal();
  for (const order of orders) {
    const line = document.createElement("li");
    const number = `#${order.number}`;
    line.textContent = number;
    list.append(line);
    try {
      await once(act, order);
      line.textContent = say(act === "escalate" ? "js.escalated" : "js.searched", { number });
      line.dataset["tone"] = "good";
    } catch (error) {
      line.textContent = say("js.not_done", { number, why: why(error) });
      line.dataset["tone"] = "bad";
    }
  }
  done();
}

function once(act: "escalate" | "reassign", order: About): Promise<unknown> {
  const reason = say("js.by_hand");
  const at = { reference_id: order.id };
  return act === "escalate"
    ? api("post", "/v4/admin/unassigned-orders/{reference_id}/escalate", { at, body: { reason } })
    : api("post", "/v4/admin/assignments/{reference_id}/reassign", {
        at,
        body: { reason, courier_id: null },
      });
}
