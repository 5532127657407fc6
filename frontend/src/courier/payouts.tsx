// Where a courier's money goes and when, and having it at once for a fee that is seen first.

import { useEffect, useRef, useState } from "preact/hooks";
import { api, type Data, newKey, Problem } from "../shared/api.ts";
import { toast } from "../shared/toast.ts";
import { isolated, say } from "../shared/words.ts";
import { serverNow } from "./api.ts";
import { Dialog, Icon, Slide } from "./parts.tsx";
import { amount, clock, day, number } from "./say.ts";
import type { Work } from "./state.ts";

type Outlook = Data<"/v4/payouts/account", "get">;
type Quote = Data<"/v4/payouts/instant/quote", "get">;
const NO_DESTINATION = 404;

const moment = (at: string): string => `${day(at)}, ${clock(at)}`;
const why = (error: unknown): string =>
  error instanceof Problem ? error.message : say("courier.needs_network");

export function Payouts({ work }: { work: Work }) {
  const [outlook, setOutlook] = useState<Outlook | "none" | "failed" | null>(null);
  const [asking, setAsking] = useState<"withdraw" | "destination" | null>(null);
  const look = () =>
    api("get", "/v4/payouts/account").then(setOutlook, (error) =>
      setOutlook(error instanceof Problem && error.status === NO_DESTINATION ? "none" : "failed"),
    );
  const live = work.live.value === "live";
  useEffect(() => void look(), [live]);
  const close = (done?: string) => {
    setAsking(null);
    if (done) toast({ words: say(done) });
    void look();
  };
  if (outlook === null) return null;
  if (outlook === "failed") return <p class="hint">{say("courier.unreachable")}</p>;
  const known = outlook === "none" ? null : outlook;
  return (
    <section class="payouts" aria-labelledby="payouts-title">
      <h2 id="payouts-title">{say("courier.payouts.title")}</h2>
      {known ? <Standing outlook={known} /> : <p class="hint">{say("courier.payouts.nowhere")}</p>}
      <div class={known ? "pair" : ""}>
        {known && (
          <button type="button" class="button" onClick={() => setAsking("withdraw")}>
            <Icon name="zap" />
            {say("courier.payouts.withdraw")}
          </button>
        )}
        <button
          type="button"
          class={known ? "button" : "button wide"}
          onClick={() => setAsking("destination")}
        >
          <Icon name="wallet" />
          {say(known ? "courier.payouts.change" : "courier.payouts.say_where")}
        </button>
      </div>
      {asking === "withdraw" && known && <Withdrawal outlook={known} close={close} />}
      {asking === "destination" && <Destination outlook={known} close={close} />}
    </section>
  );
}

function Standing({ outlook }: { outlook: Outlook }) {
  const { account } = outlook;
  const { destination, currency } = account;
  const held = Date.parse(destination.usable_from_at) > serverNow();
  return (
    <>
      {account.blocked_because && <p class="cash bad">{say("courier.payouts.blocked")}</p>}
      {!destination.verified && <p class="cash">{say("courier.payouts.unverified")}</p>}
      {held && (
        <p class="cash">
          {say("courier.payouts.held_until", { at: moment(destination.usable_from_at) })}
        </p>
      )}
      <dl class="breakdown">
        <Row name="payable" value={amount(outlook.payable_minor, currency)} />
        {outlook.held_minor > 0 && (
          <Row name="recent" value={amount(outlook.held_minor, currency)} />
        )}
        {outlook.cash_owed_minor > 0 && (
          <Row name="cash_owed" value={amount(outlook.cash_owed_minor, currency)} />
        )}
        {account.next_payout_at && <Row name="next" value={moment(account.next_payout_at)} />}
        <Row name="to" value={isolated(destination.label)} />
      </dl>
    </>
  );
}

function Row({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{say(`courier.payouts.${name}`)}</dt>
      <dd>{value}</dd>
    </div>
  );
}

type Asked = { close: (done?: string) => void };

function Withdrawal({ outlook, close }: Asked & { outlook: Outlook }) {
  const [quote, setQuote] = useState<Quote | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const key = useRef(newKey());
  useEffect(() => {
    api("get", "/v4/payouts/instant/quote").then(setQuote, (error) => setWrong(why(error)));
  }, []);
  const withdraw = async (amount_minor: number) => {
    setBusy(true);
    try {
      await api("post", "/v4/payouts/instant", { body: { amount_minor }, key: key.current });
      close("courier.payouts.withdrawn");
    } catch (error) {
      // Without an answer the same key again: it is not withdrawn twice.
      if (error instanceof Problem) key.current = newKey();
      setWrong(why(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={say("courier.payouts.withdraw")} close={() => close()}>
      {wrong && (
        <p class="cash bad" role="alert">
          {wrong}
        </p>
      )}
      {!quote && !wrong && <p>{say("courier.loading")}</p>}
      {quote && (
        <>
          <dl class="breakdown">
            <Row name="leaves" value={amount(quote.amount_minor, quote.currency)} />
            <Row name="fee" value={amount(quote.fee_minor, quote.currency)} />
            <Row name="arrives" value={amount(quote.arrives_minor, quote.currency)} />
            <Row name="to" value={isolated(outlook.account.destination.label)} />
          </dl>
          <p class="hint">
            {say("courier.payouts.left_today", {
              n: quote.left_today,
              count: number(quote.left_today),
            })}
          </p>
          <footer class="action">
            <Slide
              label={say("courier.payouts.agree", {
                amount: amount(quote.arrives_minor, quote.currency),
              })}
              disabled={busy}
              done={() => void withdraw(quote.amount_minor)}
            />
          </footer>
        </>
      )}
    </Dialog>
  );
}

/** Two steps: what it is to be, and what that means. */
function Destination({ outlook, close }: Asked & { outlook: Outlook | null }) {
  const [token, setToken] = useState("");
  const [label, setLabel] = useState("");
  const [sure, setSure] = useState(false);
  const [wrong, setWrong] = useState<string | null>(null);
  const days = outlook?.plan.change_hold_days ?? 0;
  const save = async () => {
    const provider = token.startsWith("acct_") ? "stripe" : "direct";
    try {
      await api("put", "/v4/payouts/account/destination", { body: { provider, token, label } });
      close("courier.payouts.changed");
    } catch (error) {
      setWrong(why(error));
      setSure(false);
    }
  };
  return (
    <Dialog title={say("courier.payouts.say_where")} close={() => close()}>
      {wrong && (
        <p class="cash bad" role="alert">
          {wrong}
        </p>
      )}
      {sure ? (
        <>
          <dl class="breakdown">
            {outlook && (
              <Row name="until_now" value={isolated(outlook.account.destination.label)} />
            )}
            <Row name="from_now" value={isolated(label)} />
          </dl>
          {outlook && days > 0 && (
            <p class="collect">
              <Icon name="shield" />
              {say("courier.payouts.hold", { n: days, count: number(days) })}
            </p>
          )}
          <button type="button" class="button wide" onClick={() => setSure(false)}>
            {say("courier.payouts.back")}
          </button>
          <footer class="action">
            <Slide label={say("courier.payouts.pay_there")} done={() => void save()} />
          </footer>
        </>
      ) : (
        <form
          class="fields-tall"
          onSubmit={(event) => {
            event.preventDefault();
            setWrong(null);
            setSure(true);
          }}
        >
          <label class="note">
            <span>{say("courier.payouts.token")}</span>
            <input
              dir="ltr"
              required
              minLength={6}
              maxLength={120}
              autocomplete="off"
              spellcheck={false}
              value={token}
              onInput={(event) => setToken(event.currentTarget.value.trim())}
              aria-describedby="token-help"
            />
            <small id="token-help" class="soft">
              {say("courier.payouts.token_help")}
            </small>
          </label>
          <label class="note">
            <span>{say("courier.payouts.label")}</span>
            <input
              dir="auto"
              required
              maxLength={60}
              value={label}
              onInput={(event) => setLabel(event.currentTarget.value)}
              aria-describedby="label-help"
            />
            <small id="label-help" class="soft">
              {say("courier.payouts.label_help")}
            </small>
          </label>
          <footer class="action">
            <button type="submit" class="go">
              {say("courier.payouts.go_on")}
            </button>
          </footer>
        </form>
      )}
    </Dialog>
  );
}
