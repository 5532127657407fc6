// The door to maps: small, so that nobody pays for one before they see it.
//
//   const map = await createMap(element, { city, label: "Where it is" });
//   map.points("stops", [{ id, at: [lon, lat], shape: "merchant" }], { pick: (id) => … });

import type { CityMap, MapOptions } from "./map.ts";

export type { CityMap, MapOptions, Pin, PinOptions, PointsOptions } from "./map.ts";
export type { Patch, Way } from "./overlays.ts";
export type { Shape } from "./shapes.ts";
export type { LonLat, MapPoint } from "./types.ts";

/** Draw a city's map in an element, which decides how large it is. */
export async function createMap(element: HTMLElement, options: MapOptions): Promise<CityMap> {
  const { open } = await import("./map.ts");
  return await open(element, options);
}

/** The same once the element is nearly in sight; until then nothing is fetched. */
export function createMapInSight(element: HTMLElement, options: MapOptions): Promise<CityMap> {
  return new Promise((resolve, reject) => {
    const seen = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        seen.disconnect();
        createMap(element, options).then(resolve, reject);
      },
      { rootMargin: "200px" },
    );
    seen.observe(element);
  });
}
