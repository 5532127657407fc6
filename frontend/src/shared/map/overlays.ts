// What is drawn over the ground: points with a shape, and ways between them.

import type { Feature, FeatureCollection } from "geojson";
import type {
  ExpressionSpecification,
  GeoJSONSource,
  Map as GlMap,
  LayerSpecification,
  LineLayerSpecification,
} from "maplibre-gl";
import type { Palette } from "./palette.ts";
import type { LonLat, MapPoint } from "./types.ts";

/** A line; `dotted` for what is only meant to be, `trail` for what has been. */
export interface Way {
  id: string;
  along: LonLat[];
  kind?: "way" | "late" | "trail";
  dotted?: boolean;
  faint?: boolean;
}

/** A part of the ground, by its corners. */
export interface Patch {
  id: string;
  ring: LonLat[];
  kind?: "zone" | "paused" | "cell";
  /** Written in its middle. */
  name?: string;
}

export function patchLayers(name: string, c: Palette): LayerSpecification[] {
  const kind: ExpressionSpecification = ["get", "kind"];
  const colour: ExpressionSpecification = [
    "match",
    kind,
    "paused",
    c.late,
    "cell",
    c.order,
    c.busy,
  ];
  const paused: ExpressionSpecification = ["==", kind, "paused"];
  const line: LineLayerSpecification["paint"] = {
    "line-color": colour,
    "line-width": ["match", kind, "cell", 0.75, 1.75],
    "line-opacity": ["match", kind, "cell", 0.6, 0.9],
  };
  return [
    {
      id: name,
      type: "fill",
      source: name,
      filter: ["==", ["geometry-type"], "Polygon"],
      paint: {
        "fill-color": colour,
        "fill-opacity": ["match", kind, "paused", 0.28, "cell", 0.16, 0.1],
      },
    },
    { id: `${name}-line`, type: "line", source: name, filter: ["!", paused], paint: line },
    {
      id: `${name}-dashed`,
      type: "line",
      source: name,
      filter: paused,
      paint: { ...line, "line-dasharray": [2, 2] },
    },
    {
      id: `${name}-name`,
      type: "symbol",
      source: name,
      filter: ["==", ["geometry-type"], "Point"],
      layout: {
        "text-field": ["get", "name"],
        "text-font": ["Inter", "Noto Sans Arabic"],
        "text-size": 12.5,
        "text-max-width": 8,
      },
      paint: { "text-color": c.words, "text-halo-color": c.halo, "text-halo-width": 1.6 },
    },
  ];
}

export function patchesAsData(patches: Iterable<Patch>): FeatureCollection {
  return {
    type: "FeatureCollection",
    features: [...patches].flatMap(({ id, ring, kind = "zone", name }) => {
      const properties = { id, kind, name: name ?? "" };
      const outline: Feature = {
        type: "Feature",
        geometry: { type: "Polygon", coordinates: [ring] },
        properties,
      };
      if (!name) return [outline];
      const geometry = { type: "Point", coordinates: middle(ring) } as const;
      return [outline, { type: "Feature", geometry, properties }];
    }),
  };
}

function middle(ring: LonLat[]): LonLat {
  const corners = ring.slice(0, -1);
  const sum = (n: 0 | 1) => corners.reduce((all, corner) => all + corner[n], 0);
  return [sum(0) / corners.length, sum(1) / corners.length];
}

export function pointLayers(name: string, c: Palette): LayerSpecification[] {
  const source = name;
  return [
    {
      id: `${name}-chosen`,
      type: "circle",
      source,
      filter: ["==", ["get", "id"], ""],
      paint: {
        "circle-radius": 15,
        "circle-color": c.order,
        "circle-opacity": 0.22,
        "circle-stroke-color": c.order,
        "circle-stroke-width": 2,
      },
    },
    {
      id: name,
      type: "symbol",
      source,
      layout: {
        "icon-image": ["get", "shape"],
        "icon-size": ["interpolate", ["linear"], ["zoom"], 10, 0.5, 13, 0.85, 16, 1.1],
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
        "icon-rotation-alignment": "viewport",
        "text-field": ["step", ["zoom"], "", 15, ["coalesce", ["get", "name"], ""]],
        "text-font": ["Inter", "Noto Sans Arabic"],
        "text-size": 11.5,
        "text-optional": true,
        "text-anchor": "top",
        "text-offset": [0, 0.9],
      },
      paint: {
        "icon-opacity": ["case", ["==", ["get", "faded"], true], 0.42, 1],
        "text-color": c.words,
        "text-halo-color": c.halo,
        "text-halo-width": 1.4,
      },
    },
  ];
}

export function wayLayers(name: string, c: Palette): LayerSpecification[] {
  const paint: LineLayerSpecification["paint"] = {
    "line-color": ["match", ["get", "kind"], "late", c.late, "trail", c.free, c.busy],
    "line-opacity": ["case", ["get", "faint"], 0.3, 0.9],
    "line-width": ["case", ["get", "faint"], 1.5, 3],
  };
  const layout = { "line-cap": "round", "line-join": "round" } as const;
  const dotted: ExpressionSpecification = ["==", ["get", "dotted"], true];
  return [
    { id: name, type: "line", source: name, filter: ["!", dotted], layout, paint },
    {
      id: `${name}-dotted`,
      type: "line",
      source: name,
      filter: dotted,
      layout,
      paint: { ...paint, "line-dasharray": [0.5, 2] },
    },
  ];
}

/** A set of points. What is new while the last of it is on its way is sent when that has arrived. */
export class Points {
  readonly shown = new Map<string, MapPoint>();
  readonly #map: GlMap;
  readonly #name: string;
  readonly #source: GeoJSONSource;
  #drawn = "";
  #sending = false;
  #again = false;

  constructor(map: GlMap, name: string) {
    this.#map = map;
    this.#name = name;
    this.#source = map.getSource(name) as GeoJSONSource;
  }

  get lowest(): string {
    return `${this.#name}-chosen`;
  }

  set(points: Iterable<MapPoint>): void {
    this.shown.clear();
    for (const point of points) this.shown.set(point.id, point);
    const features = JSON.stringify([...this.shown.values()].map(feature));
    if (features === this.#drawn) return;
    this.#drawn = features;
    this.#send();
  }

  choose(ids: string[]): void {
    this.#map.setFilter(this.lowest, ["in", ["get", "id"], ["literal", ids]]);
  }

  /** Ids of those within a rectangle of the screen. */
  within(box: [LonLat, LonLat]): string[] {
    const found = this.#map.queryRenderedFeatures(box, { layers: [this.#name] });
    return [...new Set(found.map((one) => String(one.properties.id)))];
  }

  async #send(): Promise<void> {
    if (this.#sending) {
      this.#again = true;
      return;
    }
    this.#sending = true;
    try {
      do {
        this.#again = false;
        await this.#source.setData({
          type: "FeatureCollection",
          features: [...this.shown.values()].map(feature),
        });
      } while (this.#again);
    } finally {
      this.#sending = false;
    }
  }
}

function feature({ id, at, shape, faded, name }: MapPoint): Feature {
  return {
    type: "Feature",
    geometry: { type: "Point", coordinates: at },
    properties: { id, shape, ...(faded && { faded }), ...(name && { name }) },
  };
}

export function waysAsData(ways: Iterable<Way>): FeatureCollection {
  return {
    type: "FeatureCollection",
    features: [...ways].map((way) => ({
      type: "Feature",
      id: way.id,
      geometry: { type: "LineString", coordinates: way.along },
      properties: {
        kind: way.kind ?? "way",
        dotted: way.dotted ?? false,
        faint: way.faint ?? false,
      },
    })),
  };
}
