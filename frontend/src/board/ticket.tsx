// What the printer in a kitchen prints, 80 mm wide.

import { say } from "../shared/words.ts";
import { nameOf, optionsOf } from "./card.tsx";
import { pieces } from "./model.ts";
import { printed } from "./paper.ts";
import { page } from "./state.ts";

const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

export function Ticket() {
  const order = printed.value;
  if (!order) return null;
  return (
    <article class="ticket">
      <p class="ticket-shop">{page.name}</p>
      <p class="ticket-number">
        <bdi>#{order.number}</bdi>
      </p>
      <dl>
        <div>
          <dt>{say("board.ticket.placed")}</dt>
          <dd>{time.format(Date.parse(order.placed_at))}</dd>
        </div>
        {order.ready_at && (
          <div>
            <dt>{say("board.ticket.ready")}</dt>
            <dd>{time.format(Date.parse(order.ready_at))}</dd>
          </div>
        )}
      </dl>
      <ul>
        {order.items.map((item) => (
          <li key={item.product_id + item.options.join()}>
            <b>{item.quantity}×</b>
            <div>
              <bdi>{nameOf(item)}</bdi>
              {optionsOf(item).map((option) => (
                <div key={option}>
                  + <bdi>{option}</bdi>
                </div>
              ))}
            </div>
          </li>
        ))}
      </ul>
      {order.notes && (
        <p class="ticket-notes" dir="auto">
          {order.notes}
        </p>
      )}
      <p class="ticket-foot">
        {say("board.pieces", { n: pieces(order) })} · {say(`board.paid.${order.payment_method}`)}
      </p>
    </article>
  );
}
