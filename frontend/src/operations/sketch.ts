// An outline that is drawn and moved on the map by hand.

import type { Polygon } from "geojson";
import { TerraDraw, TerraDrawPolygonMode, TerraDrawSelectMode } from "terra-draw";
import { TerraDrawMapLibreGLAdapter } from "terra-draw-maplibre-gl-adapter";
import type { CityMap, LonLat } from "../shared/map/index.ts";
import { colour } from "../shared/theme.ts";
import { closed, opened, rounded } from "./outline.ts";

const SETTLES_MS = 80;

export class Sketch {
  readonly #map: CityMap;
  readonly #draw: TerraDraw;
  readonly #changed: (corners: LonLat[]) => void;
  #shown = "";
  #settling = 0;

  constructor(map: CityMap, changed: (corners: LonLat[]) => void) {
    this.#map = map;
    this.#changed = changed;
    this.#draw = new TerraDraw({
      adapter: new TerraDrawMapLibreGLAdapter({ map: map.gl }),
      modes: modes(),
    });
    this.#draw.start();
    this.#draw.on("finish", (id, { action }) => {
      if (action === "draw") setTimeout(() => this.#finish(id));
    });
    this.#draw.on("change", (_, type) => {
      if (this.#draw.getMode() !== "select" || type === "delete") return;
      clearTimeout(this.#settling);
      this.#settling = window.setTimeout(() => this.#tell(), SETTLES_MS);
    });
    map.gl.doubleClickZoom.disable();
  }

  /** Take these corners for what is drawn; with fewer than three, one goes on drawing. */
  show(corners: LonLat[]): void {
    this.#shown = String(corners);
    this.#draw.clear();
    this.#map.ways("sketch", corners.length === 2 ? [{ id: "side", along: corners }] : []);
    const [few, id] = [corners.length < 3, this.#draw.getFeatureId()];
    this.#map.points(
      "corners",
      few ? corners.map((at, n) => ({ id: String(n), at, shape: "stop" })) : [],
    );
    if (few) {
      if (this.#draw.getMode() !== "polygon") this.#draw.setMode("polygon");
      return;
    }
    const geometry: Polygon = { type: "Polygon", coordinates: [closed(corners)] };
    const outline = { id, type: "Feature", geometry, properties: { mode: "polygon" } } as const;
    const [added] = this.#draw.addFeatures([outline]);
    if (added?.valid) this.#draw.selectFeature(id);
  }

  #finish(id: string | number): void {
    if (!this.#draw.hasFeature(id)) return;
    this.#draw.selectFeature(id);
    this.#tell();
  }

  #tell(): void {
    const outline = this.#draw
      .getSnapshot()
      .find(({ geometry }) => geometry.type === "Polygon")?.geometry;
    if (outline?.type !== "Polygon") return;
    const corners = opened((outline.coordinates[0] ?? []).map(rounded));
    if (String(corners) === this.#shown) return;
    this.#shown = String(corners);
    this.#map.points("corners", []);
    this.#map.ways("sketch", []);
    this.#changed(corners);
  }
}

function modes() {
  const [accent, surface] = [hex(colour("accent")), hex(colour("surface"))];
  return [
    new TerraDrawPolygonMode({
      keyEvents: { finish: "Enter", cancel: "Escape" },
      styles: {
        fillColor: accent,
        fillOpacity: 0.15,
        outlineColor: accent,
        outlineWidth: 3,
        closingPointColor: accent,
        closingPointOutlineColor: surface,
        closingPointWidth: 7,
      },
    }),
    new TerraDrawSelectMode({
      keyEvents: null,
      allowManualDeselection: false,
      flags: {
        polygon: {
          feature: {
            draggable: true,
            coordinates: { draggable: true, midpoints: { draggable: true }, deletable: true },
          },
        },
      },
      styles: {
        selectedPolygonColor: accent,
        selectedPolygonFillOpacity: 0.12,
        selectedPolygonOutlineColor: accent,
        selectedPolygonOutlineWidth: 3,
        selectionPointColor: accent,
        selectionPointOutlineColor: surface,
        selectionPointWidth: 8,
        selectionPointOutlineWidth: 2,
        midPointColor: surface,
        midPointOutlineColor: accent,
        midPointWidth: 5,
        midPointOutlineWidth: 2,
      },
    }),
  ];
}

/** A colour of the page as terra-draw takes it. */
function hex(value: string): `#${string}` {
  const pen = document.createElement("canvas").getContext("2d") as CanvasRenderingContext2D;
  pen.fillStyle = value;
  return pen.fillStyle as `#${string}`;
}
