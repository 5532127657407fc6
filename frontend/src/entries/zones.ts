// The zones of a city on a map, and the one that is drawn. All of it can be written in the form too.

import { areaKm2, flaw, parsed, written } from "../operations/outline.ts";
import type { Sketch } from "../operations/sketch.ts";
import { on } from "../shared/live.ts";
import { type CityMap, createMap, type LonLat, type Patch } from "../shared/map/index.ts";
import { ask } from "../shared/session.ts";
import { isolated, read, say } from "../shared/words.ts";

interface Drawn {
  centre: LonLat;
  chosen: string | null;
  zones: { id: string; name: string; paused: boolean; ring: LonLat[] }[];
}

const TYPING_MS = 300;
const BUTTONS_PX = 96;
const drawn = read<Drawn>("drawn");
const text = document.querySelector<HTMLTextAreaElement>("#outline");
const AROUND = text ? { padding: 24, below: BUTTONS_PX } : {};

const zonesAsPatches = ({ zones, chosen }: Drawn): Patch[] =>
  zones
    .filter(({ id }) => id !== chosen)
    .map(({ id, name, paused, ring }) => ({
      id,
      ring,
      kind: paused ? "paused" : "zone",
      name: paused ? say("zones.on_map", { name: isolated(name) }) : name,
    }));

function found<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

async function openMap(): Promise<CityMap | null> {
  const [ground, note] = [found("ground"), found("map-note")];
  note.textContent = say("map.loading");
  try {
    const map = await createMap(ground, {
      city: ground.dataset["city"] ?? "",
      label: ground.dataset["description"] ?? "",
      centre: drawn.centre,
      controls: "top-left",
    });
    const chosen = drawn.zones.filter(({ id }) => drawn.chosen === null || id === drawn.chosen);
    map.fit(
      chosen.flatMap(({ ring }) => ring),
      AROUND,
    );
    map.patches("zones", zonesAsPatches(drawn), text ? undefined : openZone);
    note.hidden = true;
    return map;
  } catch {
    note.textContent = say("zones.map_failed");
    return null; // without WebGL: outlines can still be written
  }
}

function openZone(id: string): void {
  document.querySelector<HTMLAnchorElement>(`[data-zone="${CSS.escape(id)}"] th a`)?.click();
}

/** The outline in the form and on the map, whichever was changed last. */
class Outline {
  #corners: LonLat[];
  #map: CityMap | null = null;
  #sketch: Sketch | null = null;
  readonly #text: HTMLTextAreaElement;
  readonly #before: LonLat[][] = [];

  constructor(field: HTMLTextAreaElement) {
    this.#text = field;
    this.#corners = parsed(field.value) ?? [];
    let typing = 0;
    field.addEventListener("input", () => {
      clearTimeout(typing);
      typing = window.setTimeout(() => this.#read(), TYPING_MS);
    });
  }

  async draw(map: CityMap): Promise<void> {
    const { Sketch } = await import("../operations/sketch.ts");
    this.#map = map;
    map.patches("cells", []);
    this.#sketch = new Sketch(map, (corners) => {
      this.#change(corners);
      this.#write();
    });
    this.#sketch.show(this.#corners);
    const acts: Record<string, () => void> = {
      corner: () => this.#put([...this.#corners, this.#middle(map)]),
      back: () => this.#put(this.#before.pop() ?? [], { back: true }),
      anew: () => this.#put([]),
    };
    found("drawing").addEventListener("click", ({ target }) => {
      const button = target instanceof Element ? target.closest<HTMLElement>("[data-draw]") : null;
      acts[button?.dataset["draw"] ?? ""]?.();
    });
    found("drawing").hidden = found("crosshair").hidden = false;
    void this.#describe();
  }

  #middle(map: CityMap): LonLat {
    const { lng, lat } = map.gl.getCenter();
    return [Number(lng.toFixed(6)), Number(lat.toFixed(6))];
  }

  #put(corners: LonLat[], { back = false } = {}): void {
    this.#change(corners, { back });
    this.#write();
    this.#sketch?.show(corners);
  }

  #read(): void {
    const corners = parsed(this.#text.value);
    if (!corners) {
      this.#tell(this.#text.value.trim() ? say("zones.no_outline") : "", "bad");
      return;
    }
    this.#change(corners);
    this.#sketch?.show(corners);
    this.#map?.fit(corners, AROUND);
  }

  #change(corners: LonLat[], { back = false } = {}): void {
    if (!back) this.#before.push(this.#corners);
    this.#corners = corners;
    void this.#describe();
  }

  #write(): void {
    this.#text.value = this.#corners.length ? written(this.#corners) : "";
  }

  async #describe(): Promise<void> {
    const corners = this.#corners;
    const wrong = corners.length ? flaw(corners) : null;
    if (wrong || !corners.length) {
      this.#map?.patches("cells", []);
      this.#tell(wrong ? say(`zones.${wrong}`) : "", wrong === "few" ? "" : "bad");
      return;
    }
    const { cellsOf } = await import("../operations/cells.ts");
    if (corners !== this.#corners) return;
    const cells = cellsOf(corners);
    this.#map?.patches("cells", cells);
    const km2 = areaKm2(corners).toLocaleString("en", { maximumSignificantDigits: 3 });
    this.#tell(`${say("zones.cells", { n: cells.length })} · ${say("zones.area", { km2 })}`, "");
  }

  #tell(words: string, tone: "bad" | ""): void {
    const told = found("outline-said");
    told.textContent = words;
    told.dataset["tone"] = tone;
  }
}

/** What customers meet has changed: show it, unless somebody is filling in a form there. */
async function refresh(map: CityMap | null): Promise<void> {
  const part = document.querySelector<HTMLElement>("[data-part]");
  if (!part || part.querySelector("details[open]") || part.contains(document.activeElement)) return;
  const answer = await ask(location.href);
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-part]");
  if (fresh) part.replaceChildren(...fresh.childNodes);
  map?.patches(
    "zones",
    zonesAsPatches(JSON.parse(page.getElementById("drawn")?.textContent ?? "")),
  );
}

const outline = text && new Outline(text);
const opening = openMap();
void opening.then((map) => map && outline?.draw(map));
on("conditions_changed", () => void opening.then(refresh));

// One form at a time.
document.addEventListener(
  "toggle",
  ({ target }) => {
    if (!(target instanceof HTMLDetailsElement) || !target.matches(".act[open]")) return;
    for (const other of document.querySelectorAll<HTMLDetailsElement>("details.act[open]")) {
      if (other !== target) other.open = false;
    }
  },
  true,
);
