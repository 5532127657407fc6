// The city on the map: who is where, what they carry and where it goes.

import {
  type CityMap,
  createMap,
  type LonLat,
  type MapPoint,
  type Way,
} from "../shared/map/index.ts";
import { say } from "../shared/words.ts";
import { $, now } from "./page.ts";
import type { Courier, Moved, Order, Snapshot } from "./types.ts";

const STALE_MS = 45_000;
const FADE_EVERY_MS = 5_000;

export interface Picks {
  order: (id: string, event: MouseEvent) => void;
  courier: (id: string, event: MouseEvent) => void;
  /** Orders within a rectangle drawn with Shift. */
  several: (ids: string[]) => void;
}

export class Scene {
  readonly couriers = new Map<string, Courier>();
  #orders = new Map<string, Order>();
  #map: CityMap | null = null;
  #chosen: string | null = null;
  #snapshot: Snapshot;
  #seen = new Map<string, number>();
  #moved = false;
  readonly #picks: Picks;

  constructor(snapshot: Snapshot, picks: Picks) {
    this.#snapshot = snapshot;
    this.#picks = picks;
    this.#take(snapshot);
    this.#open();
    setInterval(() => this.#drawCouriers(), FADE_EVERY_MS);
  }

  get map(): CityMap | null {
    return this.#map;
  }

  show(snapshot: Snapshot): void {
    this.#take(snapshot);
    this.#draw();
  }

  /** Positions since the last snapshot; an older one than is shown changes nothing. */
  move({ couriers }: Moved): void {
    const moves: [string, LonLat][] = [];
    for (const [id, longitude, latitude, , at] of couriers) {
      const courier = this.couriers.get(id);
      const seen = Date.parse(at);
      if (!courier || seen <= (this.#seen.get(id) ?? 0)) continue;
      courier.at = [longitude, latitude];
      this.#seen.set(id, seen);
      moves.push([id, courier.at]);
    }
    if (!moves.length) return;
    this.#map?.move("couriers", moves);
    this.#moved = true;
  }

  /** An order goes to a courier, or to nobody, before the server has said so. */
  give(order: string, courier: string | null): void {
    const given = this.#orders.get(order);
    if (!given) return;
    given.courier_id = courier;
    this.#mark();
  }

  choose(id: string | null): void {
    this.#chosen = id;
    const order = id ? this.#orders.get(id) : undefined;
    const courier = id ? this.couriers.get(id) : undefined;
    const at = order?.next_stop ?? courier?.at;
    if (at) this.#map?.reveal(at);
    this.#mark();
  }

  mark(orders: string[]): void {
    this.#map?.choose("orders", orders.length ? orders : this.#chosen);
  }

  /** The courier drawn nearest to a point of the screen, if one is near. */
  courierAt(x: number, y: number): Courier | null {
    const map = this.#map;
    if (!map) return null;
    const box = map.gl.getContainer().getBoundingClientRect();
    const found = map.nearest("couriers", x - box.left, y - box.top, 22);
    return (found && this.couriers.get(found.id)) ?? null;
  }

  fit(): void {
    const places = [...this.couriers.values()].flatMap(({ at }) => (at ? [at] : []));
    const orders = [...this.#orders.values()].flatMap((order) => [order.pickup, order.dropoff]);
    this.#map?.fit(
      places.length + orders.length ? [...places, ...orders] : [this.#snapshot.centre],
    );
  }

  async #open(): Promise<void> {
    const note = $("map-note");
    const section = $("map");
    note.textContent = say("map.loading");
    try {
      const map = await createMap($("ground"), {
        city: section.dataset["city"] ?? "",
        label: section.dataset["description"] ?? "",
        centre: this.#snapshot.centre,
        controls: document.documentElement.dir === "rtl" ? "top-right" : "top-left", // beside the story
      });
      this.#map = map;
      this.#draw();
      this.fit();
      note.hidden = true;
      $("map-fit").hidden = false;
      $("map-fit").addEventListener("click", () => this.fit());
      map.gl.boxZoom.disable();
      lasso(map, this.#picks.several);
    } catch {
      note.hidden = false;
      note.textContent = say("map.failed");
    }
  }

  #take(snapshot: Snapshot): void {
    const known = new Map(this.couriers);
    const heard = this.#seen;
    this.couriers.clear();
    this.#seen = new Map();
    for (const courier of snapshot.couriers) {
      const was = known.get(courier.id);
      const seen = Date.parse(courier.seen_at ?? "") || 0;
      const last = heard.get(courier.id) ?? 0;
      if (was && last > seen) courier.at = was.at;
      this.couriers.set(courier.id, courier);
      this.#seen.set(courier.id, Math.max(seen, last));
    }
    this.#orders = new Map(snapshot.orders.map((order) => [order.id, order]));
    this.#snapshot = snapshot;
  }

  #draw(): void {
    const map = this.#map;
    if (!map) return;
    map.points("merchants", this.#merchants(), { hover: tip });
    map.points("orders", this.#destinations(), { pick: this.#picks.order, hover: tip });
    map.crowd("couriers", this.#dots(), {
      pick: this.#picks.courier,
      hover: (point, x, y) => tip(point && { ...point, said: this.#saidOf(point) }, x, y),
    });
    map.ways("ways", this.#ways());
    this.#mark();
  }

  #drawCouriers(): void {
    if (!this.#moved || document.hidden) return;
    this.#moved = false;
    this.#map?.crowd("couriers", this.#dots());
    this.#map?.ways("ways", this.#ways());
  }

  #mark(): void {
    this.#map?.choose("orders", this.#chosen);
    this.#map?.choose("couriers", this.#chosen);
    this.#map?.ways("ways", this.#ways());
  }

  #merchants(): MapPoint[] {
    return this.#snapshot.merchants.map(({ id, name, at }) => ({
      id,
      name,
      at,
      shape: "merchant",
    }));
  }

  #destinations(): MapPoint[] {
    return [...this.#orders.values()].map((order) => ({
      id: order.id,
      at: order.dropoff,
      shape: order.late ? "destination-late" : "destination",
      said: `#${order.number} · ${say(`status.${order.status.toLowerCase()}`)}`,
    }));
  }

  #dots(): MapPoint[] {
    const dots: MapPoint[] = [];
    const oldest = now() - STALE_MS;
    for (const { id, presence, late, at } of this.couriers.values()) {
      if (!at) continue;
      const faded = (this.#seen.get(id) ?? 0) < oldest;
      dots.push({ id, at, shape: late ? "late" : presence, faded });
    }
    return dots;
  }

  #saidOf({ id, shape, faded }: MapPoint): string {
    return `${this.couriers.get(id)?.name ?? ""} · ${say(`presence.${faded ? "stale" : shape}`)}`;
  }

  #ways(): Way[] {
    const ways: Way[] = [];
    for (const order of this.#orders.values()) {
      const from = order.courier_id && this.couriers.get(order.courier_id)?.at;
      if (!from) continue;
      const chosen = order.id === this.#chosen || order.courier_id === this.#chosen;
      ways.push({
        id: order.id,
        along: [from, order.next_stop],
        kind: order.late ? "late" : "way",
        dotted: order.next_stop === order.pickup,
        faint: !chosen,
      });
    }
    return ways;
  }
}

function tip(point: MapPoint | null, x: number, y: number): void {
  const shown = $("map-tip");
  shown.hidden = !point;
  if (!point) return;
  shown.textContent = point.said ?? point.name ?? "";
  shown.dir = "auto";
  const room = $("map").clientWidth - shown.offsetWidth - 4;
  const left = Math.max(4, Math.min(room, x - shown.offsetWidth / 2));
  shown.style.transform = `translate(${left}px, ${Math.max(4, y - 42)}px)`;
}

/** Shift and drag: what lies in the rectangle is chosen. */
function lasso(map: CityMap, several: (ids: string[]) => void): void {
  const canvas = map.gl.getCanvasContainer();
  const box = document.createElement("div");
  box.className = "lasso";
  box.hidden = true;
  map.gl.getContainer().append(box);
  let from: [number, number] | null = null;
  const at = (event: MouseEvent): [number, number] => {
    const frame = canvas.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };
  canvas.addEventListener(
    "mousedown",
    (event) => {
      if (!event.shiftKey || event.button) return;
      from = at(event);
      map.gl.dragPan.disable();
    },
    true,
  );
  window.addEventListener("mousemove", (event) => {
    if (!from) return;
    const [x, y] = at(event);
    box.hidden = false;
    box.style.transform = `translate(${Math.min(x, from[0])}px, ${Math.min(y, from[1])}px)`;
    box.style.inlineSize = `${Math.abs(x - from[0])}px`;
    box.style.blockSize = `${Math.abs(y - from[1])}px`;
  });
  window.addEventListener("mouseup", (event) => {
    if (!from) return;
    const found = map.within("orders", [from, at(event)]);
    from = null;
    box.hidden = true;
    map.gl.dragPan.enable();
    if (found.length) several(found);
  });
}
