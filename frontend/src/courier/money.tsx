// What the courier has earned, job by job, and the cash in their hands.

import { useEffect, useState } from "preact/hooks";
import { say } from "../shared/words.ts";
import { get } from "./api.ts";
import { Icon } from "./parts.tsx";
import { Payouts } from "./payouts.tsx";
import { amount, clock, day, number, percent } from "./say.ts";
import type { Work } from "./state.ts";

const PARTS = ["base", "distance", "surge", "tip", "wait", "incentive", "adjustment"] as const;
type Parts = Record<`${(typeof PARTS)[number]}_minor`, number>;

interface Earnings {
  today: (Parts & { currency: string; jobs: number; total_minor: number })[];
  jobs: (Parts & {
    reference_id: string;
    currency: string;
    total_minor: number;
    earned_at: string;
  })[];
}

interface Cash {
  currency: string;
  held_minor: number;
  limit_minor: number | null;
  level: string;
  blocked: boolean;
}

/** What the server says; asked again when it is back in reach, and what was seen stays till then. */
function useAsked<T>(work: Work, path: string): T | "failed" | null {
  const [found, setFound] = useState<T | "failed" | null>(null);
  const live = work.live.value === "live";
  useEffect(() => {
    get<T>(path).then(setFound, () => setFound((before) => before ?? "failed"));
  }, [path, live]);
  return found;
}

export function MoneyScreen({ work }: { work: Work }) {
  const earnings = useAsked<Earnings>(work, `/v4/drivers/${work.id}/earnings?limit=30`);
  const cash = useAsked<Cash[]>(work, `/v4/drivers/${work.id}/cash`);
  if (earnings === null || cash === null) return <Loading />;
  if (earnings === "failed" || cash === "failed") return <Unreachable />;
  return (
    <section class="money">
      <h1>{say("courier.money.today")}</h1>
      {earnings.today.length === 0 && <p>{say("courier.money.nothing_yet")}</p>}
      {earnings.today.map((one) => (
        <div key={one.currency} class="total">
          <strong>{amount(one.total_minor, one.currency)}</strong>
          <span>{say("courier.money.jobs", { n: one.jobs })}</span>
          <Breakdown of={one} currency={one.currency} />
        </div>
      ))}
      {cash.map((one) => (
        <p key={one.currency} class={one.blocked || one.level === "full" ? "cash bad" : "cash"}>
          <Icon name="banknote" />
          {say("courier.money.cash", {
            amount: amount(one.held_minor, one.currency),
          })}
          {one.blocked && <b>{say("courier.money.blocked")}</b>}
        </p>
      ))}
      <Payouts work={work} />
      <h2>{say("courier.money.by_job")}</h2>
      {earnings.jobs.map((job) => (
        <details key={`${job.reference_id}-${job.earned_at}`}>
          <summary>
            <span>
              {day(job.earned_at)}, {clock(job.earned_at)}
            </span>
            <b>{amount(job.total_minor, job.currency)}</b>
          </summary>
          <Breakdown of={job} currency={job.currency} />
        </details>
      ))}
    </section>
  );
}

function Breakdown({ of, currency }: { of: Parts; currency: string }) {
  const parts = PARTS.filter((part) => of[`${part}_minor`] !== 0);
  return (
    <dl class="breakdown">
      {parts.map((part) => (
        <div key={part}>
          <dt>{say(`courier.money.${part}`)}</dt>
          <dd>{amount(of[`${part}_minor`], currency)}</dd>
        </div>
      ))}
    </dl>
  );
}

interface Performance {
  metrics: {
    score: number;
    on_time: number;
    completion: number;
    acceptance_rate: number | null;
    rating: number;
  };
  sentence: string;
  components: {
    measure: string;
    sentence: string;
    points: number;
    most_points: number;
  }[];
  incidents: { id: string; what: string; at: string; points: number }[];
}

export function StandingScreen({ work }: { work: Work }) {
  const found = useAsked<Performance>(work, `/v4/drivers/${work.id}/performance`);
  if (found === null) return <Loading />;
  if (found === "failed") return <Unreachable />;
  return (
    <section class="money">
      <h1>{say("courier.standing.title")}</h1>
      <div class="total">
        <strong>{number(found.metrics.score)}</strong>
        <span>{found.sentence}</span>
      </div>
      <dl class="breakdown">
        <div>
          <dt>{say("courier.standing.on_time")}</dt>
          <dd>{percent(found.metrics.on_time)}</dd>
        </div>
        <div>
          <dt>{say("courier.standing.completion")}</dt>
          <dd>{percent(found.metrics.completion)}</dd>
        </div>
        {found.metrics.acceptance_rate !== null && (
          <div>
            <dt>{say("courier.standing.acceptance")}</dt>
            <dd>{percent(found.metrics.acceptance_rate)}</dd>
          </div>
        )}
        <div>
          <dt>{say("courier.standing.rating")}</dt>
          <dd>{number(found.metrics.rating, 1)}</dd>
        </div>
      </dl>
      <ul class="plain-list">
        {found.components.map((part) => (
          <li key={part.measure}>{part.sentence}</li>
        ))}
      </ul>
      {found.incidents.length > 0 && <h2>{say("courier.standing.incidents")}</h2>}
      <ul class="plain-list">
        {found.incidents.map((one) => (
          <li key={one.id}>
            {one.what} <span class="soft">{day(one.at)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Loading() {
  return (
    <section class="duty" aria-busy="true">
      <p>{say("courier.loading")}</p>
    </section>
  );
}

function Unreachable() {
  return (
    <section class="duty">
      <Icon name="wifi-off" />
      <p>{say("courier.unreachable")}</p>
    </section>
  );
}
