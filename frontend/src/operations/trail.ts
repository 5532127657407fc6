// Where a courier was: their way in the last hour, and a slider to go along it.

import { api } from "../shared/api.ts";
import type { CityMap, LonLat, Way } from "../shared/map/index.ts";
import { toast } from "../shared/toast.ts";
import { say } from "../shared/words.ts";
import { $ } from "./page.ts";

interface At {
  at: number;
  place: LonLat;
}

export async function showTrail(
  map: CityMap,
  courier: { id: string; name: string },
): Promise<void> {
  const track = await api("get", "/v4/drivers/{courier_id}/track", {
    at: { courier_id: courier.id },
  });
  const stretches: At[][] = track.stretches.map((stretch) =>
    stretch.map((point) => ({
      at: Date.parse(point.at),
      place: [point.longitude, point.latitude],
    })),
  );
  if (!stretches.length) {
    toast({ words: say("trail.none") });
    return;
  }
  const form = $<HTMLFormElement>("trail");
  const slider = form.querySelector("input") as HTMLInputElement;
  const begin = Date.parse(track.from_at);
  const length_s = Math.round((Date.parse(track.to_at) - begin) / 1000);
  const clock = new Intl.DateTimeFormat("en-GB", {
    timeStyle: "medium",
    timeZone: $("pulse").dataset["timezone"],
  });
  map.ways("trail", ways(stretches));
  map.fit(
    stretches.flat().map(({ place }) => place),
    { glide: true },
  );
  (form.querySelector("[data-name]") as HTMLElement).textContent = courier.name;
  slider.max = slider.value = String(length_s);
  form.hidden = false;

  const show = () => {
    const instant = begin + Number(slider.value) * 1000;
    const { place, gap } = where(stretches, instant);
    const time = form.querySelector("[data-at]") as HTMLTimeElement;
    time.textContent = clock.format(instant);
    slider.setAttribute("aria-valuetext", time.textContent);
    (form.querySelector("[data-gap]") as HTMLElement).hidden = !gap;
    map.points("trail-at", [{ id: courier.id, at: place, shape: "stop", faded: gap }]);
  };
  slider.oninput = show;
  show();
  (form.querySelector("[data-close-trail]") as HTMLButtonElement).onclick = () => {
    form.hidden = true;
    map.ways("trail", []);
    map.points("trail-at", []);
  };
  slider.focus();
}

/** What was heard is drawn whole, and what lies between is dotted. */
function ways(stretches: At[][]): Way[] {
  const heard = stretches.map(
    (stretch, n): Way => ({
      id: `heard-${n}`,
      along: stretch.map(({ place }) => place),
      kind: "trail",
    }),
  );
  const gaps = stretches.slice(1).map(
    (stretch, n): Way => ({
      id: `gap-${n}`,
      along: [stretches[n]?.at(-1), stretch[0]].flatMap((end) => (end ? [end.place] : [])),
      kind: "trail",
      dotted: true,
      faint: true,
    }),
  );
  return [...gaps, ...heard.filter((way) => way.along.length > 1)];
}

export function where(stretches: At[][], instant: number): { place: LonLat; gap: boolean } {
  let last = stretches[0]?.[0]?.place ?? [0, 0];
  for (const stretch of stretches) {
    const first = stretch[0];
    if (first && first.at > instant) return { place: last, gap: true };
    let before = first;
    for (const point of stretch) {
      if (point.at > instant)
        return { place: between(before ?? point, point, instant), gap: false };
      before = point;
    }
    last = stretch.at(-1)?.place ?? last;
    if (stretch.at(-1)?.at === instant) return { place: last, gap: false };
  }
  return { place: last, gap: true };
}

function between(a: At, b: At, instant: number): LonLat {
  const share = b.at === a.at ? 0 : (instant - a.at) / (b.at - a.at);
  return [
    a.place[0] + (b.place[0] - a.place[0]) * share,
    a.place[1] + (b.place[1] - a.place[1]) * share,
  ];
}
