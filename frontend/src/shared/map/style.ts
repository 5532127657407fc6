// Our own map styles, drawn from the page's tokens: over plain streets, or over vector tiles in the
// OpenMapTiles schema. No glyphs, no sprites: letters come from the page's own fonts.

import type { ExpressionSpecification, LayerSpecification, StyleSpecification } from "maplibre-gl";
import type { Palette } from "./palette.ts";
import type { Ground } from "./types.ts";

const FONT = ["Inter", "Noto Sans Arabic"];
const STRONG = ["Semibold", ...FONT]; // the weight is read from the first name
const OPEN_STREET_MAP =
  '<a href="https://www.openstreetmap.org/copyright" target="_blank" rel="noopener">© OpenStreetMap</a>';

export function styleOf(ground: Ground, colours: Palette, locale: string): StyleSpecification {
  const tiles = ground.kind === "tiles";
  const address = new URL(ground.address, location.href).href;
  return {
    version: 8,
    sources: {
      ground: tiles
        ? { type: "vector", url: `pmtiles://${address}`, attribution: OPEN_STREET_MAP }
        : { type: "geojson", data: address, tolerance: 0.2 },
    },
    layers: groundLayers(ground, colours, locale),
  };
}

/** The layers of the ground: what a change of theme draws anew. */
export function groundLayers(ground: Ground, c: Palette, locale: string): LayerSpecification[] {
  return [
    { id: "land", type: "background", paint: { "background-color": c.land } },
    ...(ground.kind === "tiles" ? tileLayers(c, locale) : streetLayers(c, locale)),
  ];
}

const is = (...kinds: string[]): ExpressionSpecification => [
  "in",
  ["get", "kind"],
  ["literal", kinds],
];

/** Pixels at zoom 11, 14 and 18, and in between as the ground grows. */
const wide = (far: number, near: number, nearest: number): ExpressionSpecification => [
  "interpolate",
  ["exponential", 1.5],
  ["zoom"],
  11,
  far,
  14,
  near,
  18,
  nearest,
];

function streetLayers(c: Palette, locale: string): LayerSpecification[] {
  const source = "ground";
  const name: ExpressionSpecification = ["get", locale === "ar" ? "name_ar" : "name_en"];
  const round = { "line-cap": "round", "line-join": "round" } as const;
  const minor = is("street");
  const major = is("avenue", "corniche", "ring");
  const small = wide(0.8, 2.6, 26);
  const large = wide(2, 4.6, 40);
  return [
    { id: "sea", type: "fill", source, filter: is("sea", "creek"), paint: { "fill-color": c.sea } },
    { id: "park", type: "fill", source, filter: is("park"), paint: { "fill-color": c.park } },
    {
      id: "district",
      type: "line",
      source,
      filter: is("district"),
      paint: { "line-color": c.district, "line-width": 1.25, "line-dasharray": [3, 4] },
    },
    {
      id: "minor-casing",
      type: "line",
      source,
      filter: minor,
      layout: round,
      paint: { "line-color": c.casing, "line-width": wide(1.6, 4.2, 28.5) },
    },
    {
      id: "major-casing",
      type: "line",
      source,
      filter: major,
      layout: round,
      paint: { "line-color": c.casing, "line-width": wide(3, 6.2, 42.5) },
    },
    {
      id: "minor",
      type: "line",
      source,
      filter: minor,
      layout: round,
      paint: { "line-color": c.street, "line-width": small },
    },
    {
      id: "major",
      type: "line",
      source,
      filter: major,
      layout: round,
      paint: { "line-color": c.avenue, "line-width": large },
    },
    lettered(
      "major-name",
      { source, filter: ["all", major, ["!=", name, ""]], minzoom: 13 },
      name,
      c,
      "line",
    ),
    lettered(
      "minor-name",
      { source, filter: ["all", minor, ["!=", name, ""]], minzoom: 15 },
      name,
      c,
      "line",
    ),
    lettered("park-name", { source, filter: is("park"), minzoom: 14 }, name, c, "point"),
    lettered(
      "place-name",
      { source, filter: is("district", "creek"), maxzoom: 16 },
      name,
      c,
      "place",
    ),
  ];
}

function tileLayers(c: Palette, locale: string): LayerSpecification[] {
  const name: ExpressionSpecification =
    locale === "ar"
      ? ["coalesce", ["get", "name:ar"], ["get", "name"], ["get", "name:latin"]]
      : ["coalesce", ["get", "name:en"], ["get", "name:latin"], ["get", "name"]];
  const of = (layer: string) => ({ source: "ground", "source-layer": layer });
  const classed = (...classes: string[]): ExpressionSpecification => [
    "in",
    ["get", "class"],
    ["literal", classes],
  ];
  const major = classed("motorway", "trunk", "primary", "secondary");
  const minor = classed("tertiary", "minor", "service", "busway");
  const round = { "line-cap": "round", "line-join": "round" } as const;
  const roads = of("transportation");
  return [
    {
      id: "park",
      type: "fill",
      ...of("landcover"),
      filter: classed("grass", "wood", "park"),
      paint: { "fill-color": c.park },
    },
    { id: "park-area", type: "fill", ...of("park"), paint: { "fill-color": c.park } },
    {
      id: "landuse",
      type: "fill",
      ...of("landuse"),
      filter: classed("park", "cemetery", "pitch"),
      paint: { "fill-color": c.park },
    },
    { id: "sea", type: "fill", ...of("water"), paint: { "fill-color": c.sea } },
    {
      id: "river",
      type: "line",
      ...of("waterway"),
      paint: { "line-color": c.sea, "line-width": wide(1, 2, 8) },
    },
    {
      id: "building",
      type: "fill",
      ...of("building"),
      minzoom: 14,
      paint: { "fill-color": c.district, "fill-opacity": 0.45 },
    },
    {
      id: "path",
      type: "line",
      ...roads,
      filter: classed("path", "track"),
      minzoom: 14,
      paint: { "line-color": c.district, "line-width": 1, "line-dasharray": [2, 2] },
    },
    {
      id: "minor-casing",
      type: "line",
      ...roads,
      filter: minor,
      layout: round,
      paint: { "line-color": c.casing, "line-width": wide(1.4, 4.2, 24) },
    },
    {
      id: "major-casing",
      type: "line",
      ...roads,
      filter: major,
      layout: round,
      paint: { "line-color": c.casing, "line-width": wide(2.6, 6.4, 36) },
    },
    {
      id: "minor",
      type: "line",
      ...roads,
      filter: minor,
      layout: round,
      paint: { "line-color": c.street, "line-width": wide(0.7, 2.6, 21.5) },
    },
    {
      id: "major",
      type: "line",
      ...roads,
      filter: major,
      layout: round,
      paint: { "line-color": c.avenue, "line-width": wide(1.6, 4.8, 33.5) },
    },
    {
      id: "rail",
      type: "line",
      ...roads,
      filter: classed("rail", "transit"),
      paint: { "line-color": c.district, "line-width": 1.25 },
    },
    lettered("road-name", { ...of("transportation_name"), minzoom: 14 }, name, c, "line"),
    lettered(
      "poi-name",
      { ...of("poi"), filter: ["<=", ["coalesce", ["get", "rank"], 99], 12], minzoom: 16 },
      name,
      c,
      "point",
    ),
    lettered(
      "place-name",
      {
        ...of("place"),
        filter: classed("city", "town", "suburb", "quarter", "neighbourhood", "village"),
      },
      name,
      c,
      "place",
    ),
  ];
}

type Where = {
  source: string;
  "source-layer"?: string;
  filter?: ExpressionSpecification;
  minzoom?: number;
  maxzoom?: number;
};

function lettered(
  id: string,
  where: Where,
  name: ExpressionSpecification,
  c: Palette,
  along: "line" | "point" | "place",
): LayerSpecification {
  const place = along === "place";
  return {
    id,
    type: "symbol",
    ...where,
    layout: {
      "text-field": name,
      "text-font": place ? STRONG : FONT,
      "text-size": place ? 13 : 11.5,
      "symbol-placement": along === "line" ? "line" : "point",
      "text-max-width": 9,
      "text-padding": 6,
    },
    paint: { "text-color": c.words, "text-halo-color": c.halo, "text-halo-width": 1.4 },
  };
}
