import type { Shape } from "./shapes.ts";

/** [longitude, latitude], as in GeoJSON. */
export type LonLat = [number, number];

export interface MapPoint {
  id: string;
  at: LonLat;
  shape: Shape;
  /** Not heard of for a while. */
  faded?: boolean;
  /** Told when the pointer is over it; not drawn. */
  said?: string;
  /** Written beside it where there is room. */
  name?: string;
}

/** What `/maps/{city}/ground.json` answers. */
export interface Ground {
  kind: "style" | "tiles" | "streets";
  address: string;
  centre: LonLat;
  words: GroundWords;
}

export interface GroundWords {
  zoom_in: string;
  zoom_out: string;
  attribution: string;
  scroll: string;
  scroll_mac: string;
  two_fingers: string;
  pin: string;
}
