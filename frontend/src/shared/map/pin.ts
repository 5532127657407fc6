// A pin that says where: dragged, moved with the arrow keys, or put where the map is clicked.

import { type Map as GlMap, Marker } from "maplibre-gl";
import type { LonLat } from "./types.ts";

export interface PinOptions {
  at: LonLat;
  /** Where it has been put; not told while it is on its way. */
  moved?: (at: LonLat) => void;
  /** What a reader is told it is and how it moves. */
  label?: string;
}

const STEP_PX = 12;
const FINE_PX = 2;
const SVG = "http://www.w3.org/2000/svg";

export class Pin {
  readonly #map: GlMap;
  readonly #marker: Marker;
  readonly #button: HTMLButtonElement;
  readonly #moved: ((at: LonLat) => void) | undefined;

  constructor(map: GlMap, { at, moved, label = "" }: PinOptions) {
    this.#map = map;
    this.#moved = moved;
    this.#button = drawn(label);
    this.#marker = new Marker({
      element: this.#button,
      anchor: "bottom",
      draggable: moved !== undefined,
    })
      .setLngLat(at)
      .addTo(map);
    this.#button.setAttribute("aria-label", label); // the marker puts its own
    if (!moved) return;
    this.#marker.on("dragend", () => this.#tell());
    this.#button.addEventListener("keydown", (event) => this.#press(event));
    map.on("click", (event) => {
      this.#marker.setLngLat(event.lngLat);
      this.#tell();
    });
  }

  get at(): LonLat {
    const { lng, lat } = this.#marker.getLngLat();
    return [lng, lat];
  }

  /** Put it somewhere, and bring that into sight. */
  set(at: LonLat): void {
    this.#marker.setLngLat(at);
    if (!this.#map.getBounds().contains(at)) this.#map.jumpTo({ center: at });
  }

  focus(): void {
    this.#button.focus();
  }

  remove(): void {
    this.#marker.remove();
  }

  #press(event: KeyboardEvent): void {
    const step = event.shiftKey ? FINE_PX : STEP_PX;
    const by = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const here = this.#map.project(this.#marker.getLngLat());
    const { lng, lat } = this.#map.unproject([here.x + (by[0] ?? 0), here.y + (by[1] ?? 0)]);
    this.set([lng, lat]);
    this.#tell();
  }

  #tell(): void {
    this.#moved?.(this.at);
  }
}

function drawn(label: string): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "map-pin";
  button.title = label;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 32 44");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute(
    "d",
    "M16 42.5C16 42.5 30 26 30 15.5A14 14 0 0 0 2 15.5C2 26 16 42.5 16 42.5Z",
  );
  const eye = document.createElementNS(SVG, "circle");
  for (const [name, value] of [
    ["cx", "16"],
    ["cy", "15.5"],
    ["r", "5"],
  ] as const)
    eye.setAttribute(name, value);
  svg.append(shape, eye);
  button.append(svg);
  return button;
}
