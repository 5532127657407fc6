// Where the doors are. A map is a help: the words beside it say the same, also without a network.

import { useEffect, useRef } from "preact/hooks";
import { type CityMap, createMapInSight, type LonLat, type MapPoint } from "../shared/map/index.ts";
import { say } from "../shared/words.ts";
import type { Place, StopKind } from "./types.ts";

const lonLat = (place: Place): LonLat => [place.longitude, place.latitude];

export function StopsMap(props: {
  city: string | undefined;
  stops: { kind: StopKind; place: Place }[];
  here: Place | null;
}) {
  const element = useRef<HTMLDivElement>(null);
  const map = useRef<Promise<CityMap | null> | null>(null);
  const { city } = props;
  const stops = props.stops.map((stop): MapPoint & { at: LonLat } => ({
    id: `${stop.kind}-${lonLat(stop.place).join()}`,
    at: lonLat(stop.place),
    shape: stop.kind === "pickup" ? "merchant" : "destination",
  }));
  const key = stops.map((stop) => stop.id).join(" ");
  useEffect(() => {
    if (!element.current || !city || !navigator.onLine) return;
    const first = stops[0]?.at;
    const options = { city, label: say("courier.map"), interactive: false };
    map.current ??= createMapInSight(
      element.current,
      first ? { ...options, centre: first } : options,
    ).catch(() => null);
    void map.current.then((drawn) => {
      if (!drawn) return;
      drawn.points("stops", stops);
      const here = props.here ? [lonLat(props.here)] : [];
      drawn.fit([...stops.map((stop) => stop.at), ...here], {
        padding: 40,
        maxZoom: 15,
      });
    });
  }, [key, city]);
  useEffect(() => {
    const here = props.here;
    if (!here) return;
    void map.current?.then((drawn) =>
      drawn?.points("here", [{ id: "here", at: lonLat(here), shape: "busy" }]),
    );
  }, [props.here]);
  useEffect(
    () => () => {
      void map.current?.then((drawn) => drawn?.remove());
    },
    [],
  );
  if (!city || !navigator.onLine) return null;
  return <div class="stops-map" ref={element} />;
}
