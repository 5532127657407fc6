// A conversation about an order, for islands: `<Chat orderId=… thread="courier" icons=… />`. The page
// exports the words `chat.`; what is written is the API's, and live messages say when to look.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { api, type Data, newKey, Problem } from "./api.ts";
import { on, onState } from "./live.ts";
import { say } from "./words.ts";

type ChatData = Data<"/v4/orders/{order_id}/messages", "get">;
type Thread = ChatData["threads"][number];
type Message = Thread["messages"][number];

interface Props {
  orderId: string;
  thread: Thread["thread"];
  /** Where the sprite of icons is: `built("icons.svg")`. */
  icons: string;
}

const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

export function Chat({ orderId, thread, icons }: Props) {
  const chat = useSignal<ChatData | null>(null);
  const words = useSignal("");
  const wrong = useSignal<string | null>(null);
  const busy = useSignal(false);
  const key = useRef(newKey());
  const end = useRef<HTMLLIElement>(null);
  const at = { order_id: orderId };
  const here = chat.value?.threads.find((one) => one.thread === thread);

  const look = async () => {
    try {
      chat.value = await api("get", "/v4/orders/{order_id}/messages", { at });
      wrong.value = null;
    } catch (error) {
      wrong.value = error instanceof Problem ? error.message : say("chat.unreachable");
    }
  };
  useEffect(() => {
    void look();
    const hear = ({ orderId: about }: { orderId: string }) => void (about === orderId && look());
    const stops = [
      on("order_message", hear),
      on("order_messages_read", hear),
      onState((state) => void (state === "live" && look())),
    ];
    return () => stops.forEach((stop) => void stop());
  }, [orderId]);
  useEffect(() => {
    end.current?.scrollIntoView({ block: "nearest" });
    const last = here?.messages.at(-1);
    if (!last || !here?.unread) return;
    const body = { thread, message_id: last.id };
    void api("post", "/v4/orders/{order_id}/messages/read", { at, body }).catch(() => {});
  }, [here?.messages.at(-1)?.id]);

  const send = async (body: { words: string } | { quick: string }) => {
    if (busy.value) return;
    busy.value = true;
    try {
      const asking = { at, key: key.current, body: { thread, ...body } };
      await api("post", "/v4/orders/{order_id}/messages", asking);
      key.current = newKey();
      if ("words" in body) words.value = "";
      await look();
    } catch (error) {
      // The same key again: what did arrive is not written twice.
      if (error instanceof Problem) key.current = newKey();
      wrong.value = error instanceof Problem ? error.message : say("chat.not_sent");
    } finally {
      busy.value = false;
    }
  };
  const call = async () => {
    try {
      const to = thread === chat.value?.writer ? "customer" : thread;
      const { number } = await api("post", "/v4/orders/{order_id}/call", { at, body: { to } });
      location.assign(`tel:${number}`);
    } catch (error) {
      wrong.value = error instanceof Problem ? error.message : say("chat.unreachable");
    }
  };

  if (!chat.value) {
    return wrong.value ? (
      <p class="notice bad">{wrong.value}</p>
    ) : (
      <div class="skeleton" aria-hidden="true">
        <i />
        <i class="half" />
      </div>
    );
  }
  const other = thread === chat.value.writer ? "customer" : thread;
  return (
    <div class="chat">
      <ol class="chat-messages" aria-live="polite" aria-label={say("chat.messages")}>
        {here?.messages.map((message, n, all) => (
          <Line
            key={message.id}
            message={message}
            {...(n === all.length - 1 ? { last: end } : {})}
          />
        ))}
      </ol>
      {here && !here.messages.length && <p class="muted">{say("chat.none")}</p>}
      {wrong.value && (
        <p class="notice bad" role="alert">
          {wrong.value}
        </p>
      )}
      {here?.may_write ? (
        <>
          <div class="chat-quick">
            {here.quick_replies.map(({ code, words }) => (
              <button
                type="button"
                class="button small"
                key={code}
                disabled={busy.value}
                onClick={() => void send({ quick: code })}
              >
                {words}
              </button>
            ))}
          </div>
          <form
            class="chat-form"
            onSubmit={(event) => {
              event.preventDefault();
              if (words.value.trim()) void send({ words: words.value.trim() });
            }}
          >
            <label class="unseen" for={`chat-${orderId}`}>
              {say("chat.write")}
            </label>
            <input
              id={`chat-${orderId}`}
              dir="auto"
              maxLength={1000}
              placeholder={say("chat.write")}
              value={words.value}
              onInput={(event) => {
                words.value = event.currentTarget.value;
              }}
            />
            <button type="submit" class="button main" disabled={busy.value || !words.value.trim()}>
              {say("chat.send")}
            </button>
            {chat.value.may_call.includes(other) && (
              <button type="button" class="button square" onClick={() => void call()}>
                <svg class="icon" aria-hidden="true">
                  <use href={`${icons}#phone`} />
                </svg>
                <span class="unseen">{say("chat.call")}</span>
              </button>
            )}
          </form>
        </>
      ) : (
        <p class="muted">
          {say(`chat.why_not.${(here?.why_not ?? "chat.over").replace("chat.", "")}`)}
        </p>
      )}
    </div>
  );
}

function Line({ message, last }: { message: Message; last?: { current: HTMLLIElement | null } }) {
  const read = message.mine && message.read_by.length > 0;
  return (
    <li class="chat-message" data-mine={message.mine || undefined} {...(last ? { ref: last } : {})}>
      <p class="chat-who">
        {message.mine ? say("chat.you") : say(`chat.writer.${message.writer}`)}{" "}
        <time dateTime={message.sent_at}>{time.format(Date.parse(message.sent_at))}</time>
        {read && <span> · {say("chat.read")}</span>}
      </p>
      <p class="chat-words" dir="auto">
        {message.words}
      </p>
    </li>
  );
}
