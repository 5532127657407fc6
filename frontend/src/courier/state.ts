// How things stand, and everything that changes it.

import { computed, signal } from "@preact/signals";
import { type LiveState, on, onState } from "../shared/live.ts";
import { toast } from "../shared/toast.ts";
import { say } from "../shared/words.ts";
import { nudge } from "./alarm.ts";
import { get, post, Refused, serverNow } from "./api.ts";
import { openStore, type Ping, type Store } from "./database.ts";
import { dutyOf, stopsOf } from "./job.ts";
import { Outbox } from "./outbox.ts";
import { Positions } from "./positions.ts";
import {
  type Action,
  type Courier,
  type Job,
  type Offer,
  type OfferMade,
  type Outcome,
  offerOf,
  type Sheet,
  type Snapshot,
} from "./types.ts";

const SOON_MS = 150;
const ANYWAY_MS = 30_000;
const UNHEARD_MS = 6_000;
const CHANGES = [
  "offer_created",
  "offer_accepted",
  "offer_rejected",
  "availability_changed",
  "break_expired",
  "order_status_updated",
  "delivery_courier_changed",
  "delivery_eta_updated",
  "order_message",
  "order_messages_read",
];
const NOTHING: Snapshot = {
  courier: null,
  offer: null,
  job: { deliveries: [], stops: [] },
  sheets: [],
  at: "",
};

const SCREENS = ["work", "money", "standing"] as const;
export type Screen = (typeof SCREENS)[number];

/** The screen that the address names; nothing for what is no screen, as a place on one. */
function screenNamed(): Screen | undefined {
  return location.hash ? SCREENS.find((screen) => `#${screen}` === location.hash) : "work";
}

export class Work {
  readonly id: string;
  readonly store: Store;
  readonly outbox: Outbox;
  readonly positions: Positions;
  readonly known = signal<Snapshot>(NOTHING);
  readonly live = signal<LiveState>("reconnecting");
  readonly notices = signal<Outcome[]>([]);
  readonly problem = signal<string | null>(null);
  readonly busy = signal(false);
  readonly here = signal<Ping | null>(null);
  readonly noPositions = signal(false);
  readonly screen = signal<Screen>(screenNamed() ?? "work");
  /** Runs once a second, for all that counts down. */
  readonly now = signal(serverNow());
  readonly taps = computed<Action[]>(() => [
    ...this.outbox.settled.value,
    ...this.outbox.unsent.value.flatMap((item) => (item.kind === "action" ? [item.action] : [])),
  ]);
  readonly stops = computed(() => stopsOf(this.known.value, this.taps.value));
  readonly duty = computed(() => dutyOf(this.known.value, this.taps.value));
  readonly offer = computed(() => {
    const { offer } = this.known.value;
    return offer && Date.parse(offer.expires_at) > this.now.value ? offer : null;
  });
  #asking: Promise<void> | null = null;
  #again = false;
  #soon: ReturnType<typeof setTimeout> | undefined;

  constructor(id: string, store: Store) {
    this.id = id;
    this.store = store;
    this.outbox = new Outbox(store, id, (outcomes) => this.#told(outcomes));
    this.positions = new Positions(
      store,
      id,
      (ping) => (this.here.value = ping),
      (is) => (this.noPositions.value = is),
    );
  }

  static async open(id: string): Promise<Work> {
    const work = new Work(id, await openStore(id));
    await work.outbox.open();
    work.known.value = ((await work.store.get("known", "snapshot")) as Snapshot) ?? NOTHING;
    return work;
  }

  /** Begin to listen, to send and to look; as long as the page lives. */
  begin(): void {
    for (const name of CHANGES) on(name, () => this.#changed());
    on<OfferMade>("offer_created", (made) => {
      if (made.driverId === this.id) this.#ring(offerOf(made, serverNow()));
    });
    on<{ writer: string }>("order_message", ({ writer }) => {
      if (writer === "courier") return;
      nudge();
      toast({ words: say("courier.talk.arrived") });
    });
    onState((state) => {
      this.live.value = state;
      if (state !== "live") return;
      void this.outbox.flush();
      this.#changed();
    });
    const awake = () => {
      if (document.visibilityState === "hidden") return;
      void this.outbox.flush();
      void this.positions.send();
      this.#changed();
    };
    addEventListener("hashchange", () => {
      this.screen.value = screenNamed() ?? this.screen.value;
    });
    addEventListener("online", awake);
    addEventListener("pageshow", awake);
    document.addEventListener("visibilitychange", awake);
    navigator.serviceWorker?.addEventListener("message", ({ data }) => data === "flush" && awake());
    setInterval(() => (this.now.value = serverNow()), 1_000);
    setInterval(() => this.#changed(), ANYWAY_MS);
    setInterval(
      () => navigator.onLine && this.live.value !== "live" && this.#changed(),
      UNHEARD_MS,
    );
    awake();
  }

  async refresh(): Promise<void> {
    if (this.#asking) {
      this.#again = true;
      return this.#asking;
    }
    this.#asking = this.#ask().finally(() => (this.#asking = null));
    await this.#asking;
    if (this.#again) {
      this.#again = false;
      await this.refresh();
    }
  }

  async #ask(): Promise<void> {
    const shown = this.outbox.settled.value;
    const me = `/v4/drivers/${this.id}`;
    try {
      const [courier, offers, job, sheets] = await Promise.all([
        get<Courier>(me),
        get<Offer[]>(`${me}/offers?state=pending&limit=1`),
        get<Job>(`${me}/deliveries`),
        get<Sheet[]>(`${me}/job-sheet`),
      ]);
      const at = new Date().toISOString();
      const known = { courier, offer: offers[0] ?? null, job, sheets, at };
      this.outbox.settled.value = this.outbox.settled.value.filter((tap) => !shown.includes(tap));
      this.known.value = known;
      await this.store.put("known", known, "snapshot");
    } catch (error) {
      if (error instanceof Refused && !error.passing) this.problem.value = error.message;
    }
  }

  /** An offer is shown at once, by what the message says; the rest is asked for after it. */
  #ring(offer: Offer): void {
    this.now.value = serverNow();
    this.known.value = { ...this.known.value, offer };
  }

  #changed(): void {
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => void this.refresh(), SOON_MS);
  }

  #told(outcomes: Outcome[]): void {
    const refused = outcomes.filter((outcome) => outcome.result === "refused");
    this.notices.value = [...this.notices.value, ...refused];
    this.#changed();
  }

  /** What needs the server's word: asked now, or not at all. */
  async ask(path: string, body: unknown = {}): Promise<void> {
    await this.#now(async () => {
      await this.outbox.flush();
      await post(`/v4/drivers/${this.id}${path}`, body);
      await this.refresh();
    });
  }

  /** Call an order's customer, through the city's relay. */
  async dial(orderId: string): Promise<void> {
    await this.#now(async () => {
      const asked = `/v4/orders/${orderId}/call`;
      const { number } = await post<{ number: string }>(asked, { to: "customer" });
      location.assign(`tel:${number}`);
    });
  }

  async #now(ask: () => Promise<void>): Promise<void> {
    this.busy.value = true;
    this.problem.value = null;
    try {
      await ask();
    } catch (error) {
      this.problem.value = error instanceof Refused ? error.message : "";
      void this.refresh();
    } finally {
      this.busy.value = false;
    }
  }
}
