// The courier's app: what is always in sight, and the one screen that matters now.

import { useEffect } from "preact/hooks";
import { isolated, say } from "../shared/words.ts";
import { stayAwake } from "./alarm.ts";
import { DutyScreen } from "./duty.tsx";
import { JobScreen } from "./job_screen.tsx";
import { MoneyScreen, StandingScreen } from "./money.tsx";
import { OfferScreen } from "./offer.tsx";
import { Icon } from "./parts.tsx";
import { clock, number } from "./say.ts";
import type { Screen, Work } from "./state.ts";

const TABS: [Screen, string][] = [
  ["work", "bike"],
  ["money", "banknote"],
  ["standing", "gauge"],
];

export function App({ work }: { work: Work }) {
  const stop = work.stops.value[0];
  const offer = work.offer.value;
  const { availability } = work.duty.value;
  const working = stop !== undefined || offer !== null;
  const pace = working ? "job" : ["OFFLINE", "ON_BREAK"].includes(availability) ? "off" : "free";
  useEffect(() => work.positions.at(pace), [pace]);
  useEffect(() => void stayAwake(working), [working]);
  const screen = work.screen.value;
  return (
    <>
      <Top work={work} />
      <Notices work={work} />
      <main id="main" tabIndex={-1}>
        {screen === "money" && <MoneyScreen work={work} />}
        {screen === "standing" && <StandingScreen work={work} />}
        {screen === "work" &&
          (stop ? (
            <JobScreen
              key={`${stop.kind}-${stop.returning}-${stop.sheets[0]?.order_id}`}
              work={work}
              stop={stop}
            />
          ) : (
            <DutyScreen work={work} />
          ))}
      </main>
      {offer && <OfferScreen key={offer.id} work={work} offer={offer} />}
    </>
  );
}

/** Duty, the network, and what was not sent: never out of sight. */
function Top({ work }: { work: Work }) {
  const unsent = work.outbox.unsent.value.length;
  const live = work.live.value;
  const asOf = work.known.value.at;
  return (
    <header class="top">
      <nav class="tabs" aria-label={say("courier.tabs")}>
        {TABS.map(([screen, icon]) => (
          <a
            key={screen}
            href={`#${screen}`}
            class="square"
            aria-current={work.screen.value === screen ? "page" : undefined}
          >
            <Icon name={icon} />
            <span class="unseen">{say(`courier.tab.${screen}`)}</span>
          </a>
        ))}
      </nav>
      <p class="chips" role="status">
        <span class={`chip ${live}`}>
          <Icon name={live === "offline" ? "wifi-off" : "wifi"} />
          {live === "live" || !asOf
            ? say(`courier.net.${live}`)
            : say("courier.net.as_of", { state: say(`courier.net.${live}`), at: clock(asOf) })}
        </span>
        <span class={unsent ? "chip unsent" : "chip"} data-unsent={unsent}>
          <Icon name={unsent ? "cloud-upload" : "check"} />
          {unsent
            ? say("courier.unsent", { n: unsent, count: number(unsent) })
            : say("courier.all_sent")}
        </span>
      </p>
      <a class="square" href="/account">
        <Icon name="user" />
        <span class="unseen">{say("account.title")}</span>
      </a>
    </header>
  );
}

/** What the server did not take in, in its own words; the courier has read it when they say so. */
function Notices({ work }: { work: Work }) {
  const { notices, problem } = work;
  if (notices.value.length === 0 && problem.value === null) return null;
  return (
    <section class="notices" role="alert">
      {problem.value !== null && (
        <p>
          {problem.value || say("courier.needs_network")}
          <button
            type="button"
            class="button"
            onClick={() => {
              problem.value = null;
            }}
          >
            {say("courier.read")}
          </button>
        </p>
      )}
      {notices.value.map((notice) => (
        <p key={notice.action_id}>
          {notice.message ?? isolated(notice.code ?? "")}
          <button
            type="button"
            class="button"
            onClick={() => {
              notices.value = notices.value.filter((one) => one !== notice);
            }}
          >
            {say("courier.read")}
          </button>
        </p>
      ))}
    </section>
  );
}
