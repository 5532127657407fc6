// The H3 cells that an outline covers, as the platform counts them: those whose middle lies in it.

import {
  cellToBoundary,
  POLYGON_TO_CELLS_FLAGS,
  polygonToCells,
  polygonToCellsExperimental,
} from "h3-js";
import type { LonLat, Patch } from "../shared/map/index.ts";
import { closed } from "./outline.ts";

const RESOLUTION = 9;

/** As patches of a map; an outline too small to hold any middle has the cells it touches. */
export function cellsOf(corners: LonLat[]): Patch[] {
  const ring = [closed(corners)];
  const within = polygonToCells(ring, RESOLUTION, true);
  const cells = within.length
    ? within
    : polygonToCellsExperimental(
        ring,
        RESOLUTION,
        POLYGON_TO_CELLS_FLAGS.containmentOverlapping,
        true,
      );
  return cells.map((id) => ({ id, kind: "cell", ring: cellToBoundary(id, true) as LonLat[] }));
}
