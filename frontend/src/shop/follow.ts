// The way of an order on a map: from whom, to where, and the courier while they are on it.
// The words beside it say the same; without WebGL or a network they stand alone.

import { on } from "../shared/live.ts";
import { type CityMap, createMapInSight, type LonLat, type MapPoint } from "../shared/map/index.ts";

const STALE_MS = 60_000;
const LOOK_MS = 5_000;

interface Moved {
  deliveryId: string | null;
  longitude: number;
  latitude: number;
}

interface Sighting {
  at: LonLat;
  seenAt: number;
}

/** `#now` tells where the courier was at its last look; who has an account hears each move too. */
export function followOnMap(order: string | undefined): { look: () => void } {
  const ground = document.getElementById("way-map");
  const nothing = { look: () => undefined };
  if (!ground) return nothing;
  const from = lonLat(ground.dataset["from"]);
  const to = lonLat(ground.dataset["to"]);
  let seen = sighting();
  let map: CityMap | null = null;

  function draw(): void {
    if (!map) return;
    const stops: MapPoint[] = [];
    if (from) stops.push({ id: "from", at: from, shape: "merchant" });
    if (to) stops.push({ id: "to", at: to, shape: "home" });
    map.points("stops", stops);
    const faded = seen !== null && Date.now() - seen.seenAt > STALE_MS;
    map.points("courier", seen ? [{ id: "courier", at: seen.at, shape: "busy", faded }] : []);
    ground?.toggleAttribute("data-stale", faded);
  }
  function look(): void {
    const told = sighting();
    if (!told || !seen || told.seenAt > seen.seenAt) {
      const appeared = told && !seen;
      seen = told;
      if (appeared) fit();
    }
    draw();
  }
  function fit(glide = true): void {
    const places = [from, to, seen?.at].filter((at) => at !== null && at !== undefined);
    map?.fit(places, { padding: 44, maxZoom: 15, glide });
  }

  createMapInSight(ground, {
    city: ground.dataset["city"] ?? "",
    label: ground.dataset["label"] ?? "",
    ...(from && { centre: from }),
    cooperative: true,
  }).then(
    (drawn) => {
      map = drawn;
      fit(false);
      draw();
      setInterval(draw, LOOK_MS);
      ground.dataset["drawn"] = "";
    },
    () => {
      ground.hidden = true;
    },
  );
  if (order) {
    on("delivery_location_updated", ({ deliveryId, longitude, latitude }: Moved) => {
      if (deliveryId !== order) return;
      seen = { at: [longitude, latitude], seenAt: Date.now() };
      draw();
      map?.reveal(seen.at);
    });
  }
  return { look };
}

function sighting(): Sighting | null {
  const told = document.querySelector<HTMLElement>("#now [data-at]");
  const at = lonLat(told?.dataset["at"]);
  return at && { at, seenAt: Date.now() - Number(told?.dataset["age"]) * 1_000 };
}

function lonLat(said: string | undefined): LonLat | null {
  const [longitude, latitude] = (said ?? "").split(",").map(Number);
  return said && longitude !== undefined && latitude !== undefined ? [longitude, latitude] : null;
}
