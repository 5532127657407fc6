// A city's map. It never mirrors: north is up and east is right in every language.

import "maplibre-gl/dist/maplibre-gl.css";
import "./map.css";
import type { FeatureCollection } from "geojson";
import type { GeoJSONSource, LayerSpecification } from "maplibre-gl";
import {
  AttributionControl,
  addProtocol,
  Map as GlMap,
  LngLatBounds,
  NavigationControl,
  setWorkerUrl,
} from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import { Crowd } from "./crowd.ts";
import {
  type Patch,
  Points,
  patchesAsData,
  patchLayers,
  pointLayers,
  type Way,
  wayLayers,
  waysAsData,
} from "./overlays.ts";
import { onThemeChange, type Palette, palette } from "./palette.ts";
import { Pin, type PinOptions } from "./pin.ts";
import { image, RATIO, SHAPES } from "./shapes.ts";
import { groundLayers, styleOf } from "./style.ts";
import type { Ground, GroundWords, LonLat, MapPoint } from "./types.ts";

export type { Pin, PinOptions } from "./pin.ts";

export interface MapOptions {
  /** The id of the city whose ground is drawn. */
  city: string;
  /** What a reader is told it is. */
  label: string;
  centre?: LonLat;
  zoom?: number;
  /** `ar` or `en`; the page's own unless said. */
  locale?: string;
  /** A picture to look at only, without `interactive`. */
  interactive?: boolean;
  /** Where its buttons are. */
  controls?: "top-left" | "top-right";
  /** In a page that scrolls: two fingers, or Ctrl and the wheel, move the map. */
  cooperative?: boolean;
}

export interface PointsOptions {
  pick?: (id: string, event: MouseEvent) => void;
  hover?: (point: MapPoint | null, x: number, y: number) => void;
}

let prepared: Promise<void> | null = null;

/** Once per page: whose worker, how tiles are read, and letters to draw names with. */
function prepare(): Promise<void> {
  prepared ??= (async () => {
    setWorkerUrl(workerUrl);
    await Promise.allSettled([
      document.fonts.load('24px "Inter"', "A"),
      document.fonts.load('24px "Noto Sans Arabic"', "ا"),
    ]);
  })();
  return prepared;
}

let tiles: Promise<void> | null = null;

function readTiles(): Promise<void> {
  tiles ??= import("pmtiles").then(({ Protocol }) => addProtocol("pmtiles", new Protocol().tile));
  return tiles;
}

export async function open(element: HTMLElement, options: MapOptions): Promise<CityMap> {
  const [answer] = await Promise.all([
    fetch(`/maps/${encodeURIComponent(options.city)}/ground.json`),
    prepare(),
  ]);
  if (!answer.ok) throw new Error(`the ground of the city: ${answer.status}`);
  const ground: Ground = await answer.json();
  if (ground.kind === "tiles") await readTiles();
  const map = new CityMap(element, ground, options);
  await map.drawn;
  return map;
}

export class CityMap {
  /** MapLibre's own, for what is not here. */
  readonly gl: GlMap;
  readonly drawn: Promise<void>;
  readonly words: GroundWords;
  readonly #ground: Ground;
  readonly #locale: string;
  readonly #points = new Map<string, Points | Crowd>();
  readonly #layered: ((c: Palette) => LayerSpecification[])[] = [];
  readonly #forgetTheme: () => void;
  #colours: Palette;

  constructor(element: HTMLElement, ground: Ground, options: MapOptions) {
    const { interactive = true, cooperative = false } = options;
    this.#ground = ground;
    this.words = ground.words;
    this.#locale = options.locale ?? document.documentElement.lang;
    this.#colours = palette();
    element.dir = "ltr";
    this.gl = new GlMap({
      container: element,
      style:
        ground.kind === "style" ? ground.address : styleOf(ground, this.#colours, this.#locale),
      center: options.centre ?? ground.centre,
      zoom: options.zoom ?? 12.5,
      interactive,
      cooperativeGestures: cooperative,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      maxPitch: 0,
      fadeDuration: still.matches ? 0 : 150,
      locale: saidBy(ground.words, options.label),
    });
    this.gl.touchZoomRotate.disableRotation();
    this.gl.keyboard.disableRotation();
    if (ground.kind !== "streets")
      this.gl.addControl(
        new AttributionControl({ compact: true }),
        document.documentElement.dir === "rtl" ? "bottom-left" : "bottom-right",
      );
    if (interactive)
      this.gl.addControl(
        new NavigationControl({ showCompass: false }),
        options.controls ?? "top-right",
      );
    this.drawn = this.gl.once("load").then(() => this.#addImages());
    void this.gl.once("idle").then(() => {
      this.gl.getContainer().dataset["drawn"] = "";
    });
    this.#forgetTheme = onThemeChange(() => void this.drawn.then(() => this.#repaint()));
  }

  /** Points of one kind of interest, by name; those of the same name take the place of the last. */
  points(name: string, points: Iterable<MapPoint>, options: PointsOptions = {}): void {
    let known = this.#points.get(name);
    if (!known) {
      this.gl.addSource(name, { type: "geojson", data: empty() });
      this.#addLayers((c) => pointLayers(name, c));
      known = new Points(this.gl, name);
      this.#points.set(name, known);
      this.#listen(name, known, options);
    }
    known.set(points);
  }

  /** The same of thousands that move: without their names, and for `move`. */
  crowd(name: string, points: Iterable<MapPoint>, options: PointsOptions = {}): void {
    let known = this.#points.get(name);
    if (!known) {
      known = new Crowd(this.gl, name, this.#colours);
      this.gl.addLayer(known);
      this.#points.set(name, known);
      this.#listenTo(known, options);
    }
    known.set(points);
  }

  /** Some of a crowd are elsewhere now. */
  move(name: string, moves: Iterable<[string, LonLat]>): void {
    const known = this.#points.get(name);
    if (known instanceof Crowd) known.move(moves);
  }

  /** Which of the points is the one being looked at; none of them: null. */
  choose(name: string, ids: string | string[] | null): void {
    this.#points.get(name)?.choose(ids === null ? [] : [ids].flat());
  }

  /** Ways, drawn below the points that are there already. */
  ways(name: string, ways: Iterable<Way>): void {
    const source = this.gl.getSource<GeoJSONSource>(name);
    if (source) {
      source.setData(waysAsData(ways));
      return;
    }
    this.gl.addSource(name, { type: "geojson", data: waysAsData(ways) });
    const [first] = this.#points.values();
    this.#addLayers((c) => wayLayers(name, c), first?.lowest);
  }

  /** Parts of the ground, drawn over what is there already. */
  patches(name: string, patches: Iterable<Patch>, pick?: (id: string) => void): void {
    const source = this.gl.getSource<GeoJSONSource>(name);
    if (source) {
      source.setData(patchesAsData(patches));
      return;
    }
    this.gl.addSource(name, { type: "geojson", data: patchesAsData(patches) });
    this.#addLayers((c) => patchLayers(name, c));
    if (!pick) return;
    this.gl.on("click", name, (event) => pick(String(event.features?.[0]?.properties.id)));
    this.gl.on("mousemove", name, () => {
      this.gl.getCanvas().style.cursor = "pointer";
    });
    this.gl.on("mouseleave", name, () => {
      this.gl.getCanvas().style.cursor = "";
    });
  }

  /** A pin that is dragged, or moved with the arrow keys. */
  pin(options: PinOptions): Pin {
    return new Pin(this.gl, { label: this.words.pin, ...options });
  }

  /** Show all of these places; `below` is how much of the map is covered at its foot. */
  fit(places: LonLat[], { padding = 48, below = 0, maxZoom = 16, glide = false } = {}): void {
    if (!places.length) return;
    const bounds = places.reduce((all, at) => all.extend(at), new LngLatBounds());
    const around = { top: padding, left: padding, right: padding, bottom: padding + below };
    this.gl.fitBounds(bounds, { padding: around, maxZoom, animate: glide && !still.matches });
  }

  /** Bring a place into sight, if it is not. */
  reveal(at: LonLat): void {
    if (this.gl.getBounds().contains(at)) return;
    this.gl.easeTo({ center: at, animate: !still.matches });
  }

  /** Ids of the points of a name within a rectangle of the screen. */
  within(name: string, box: [LonLat, LonLat]): string[] {
    return this.#points.get(name)?.within(box) ?? [];
  }

  /** The one of a crowd that is nearest to a point of the screen, if one is within reach. */
  nearest(name: string, x: number, y: number, reach = REACH_PX): MapPoint | null {
    const known = this.#points.get(name);
    return known instanceof Crowd ? known.nearest(x, y, reach) : null;
  }

  remove(): void {
    this.#forgetTheme();
    this.gl.remove();
  }

  #addImages(): void {
    for (const shape of SHAPES) {
      this.gl.addImage(shape, image(shape, this.#colours), { pixelRatio: RATIO });
    }
  }

  #addLayers(layers: (c: Palette) => LayerSpecification[], before?: string): void {
    this.#layered.push(layers);
    for (const layer of layers(this.#colours)) this.gl.addLayer(layer, before);
  }

  #repaint(): void {
    this.#colours = palette();
    const ours =
      this.#ground.kind === "style" ? [] : groundLayers(this.#ground, this.#colours, this.#locale);
    for (const layer of [...ours, ...this.#layered.flatMap((layers) => layers(this.#colours))]) {
      for (const [property, value] of Object.entries(layer.paint ?? {})) {
        this.gl.setPaintProperty(layer.id, property as never, value as never);
      }
    }
    for (const shape of SHAPES) this.gl.updateImage(shape, image(shape, this.#colours));
    for (const known of this.#points.values()) {
      if (known instanceof Crowd) known.repaint(this.#colours);
    }
  }

  #listenTo(known: Crowd, { pick, hover }: PointsOptions): void {
    let over = false;
    this.gl.on("click", ({ point, originalEvent }) => {
      const found = known.nearest(point.x, point.y, REACH_PX);
      if (found) pick?.(found.id, originalEvent);
    });
    this.gl.on("mousemove", ({ point }) => {
      const found = known.nearest(point.x, point.y, REACH_PX);
      if (!found && !over) return;
      over = found !== null;
      this.gl.getCanvas().style.cursor = over && pick ? "pointer" : "";
      hover?.(found, point.x, point.y);
    });
  }

  #listen(name: string, known: Points, { pick, hover }: PointsOptions): void {
    if (pick) {
      this.gl.on("click", name, (event) => {
        const id = event.features?.[0]?.properties.id;
        if (id) pick(String(id), event.originalEvent);
      });
    }
    if (!pick && !hover) return;
    this.gl.on("mousemove", name, (event) => {
      this.gl.getCanvas().style.cursor = pick ? "pointer" : "";
      const point = known.shown.get(String(event.features?.[0]?.properties.id));
      if (point) hover?.(point, event.point.x, event.point.y);
    });
    this.gl.on("mouseleave", name, () => {
      this.gl.getCanvas().style.cursor = "";
      hover?.(null, 0, 0);
    });
  }
}

/** How near is near enough to be meant. */
const REACH_PX = 12;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const empty = (): FeatureCollection => ({ type: "FeatureCollection", features: [] });

const saidBy = (words: GroundWords, label: string) => ({
  "Map.Title": label,
  "NavigationControl.ZoomIn": words.zoom_in,
  "NavigationControl.ZoomOut": words.zoom_out,
  "AttributionControl.ToggleAttribution": words.attribution,
  "CooperativeGesturesHandler.WindowsHelpText": words.scroll,
  "CooperativeGesturesHandler.MacHelpText": words.scroll_mac,
  "CooperativeGesturesHandler.MobileHelpText": words.two_fingers,
});
