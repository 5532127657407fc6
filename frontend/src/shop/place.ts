/** Where one is, as the device says it, and a pin on a map. */
export function findPlace(): void {
  locate();
  const part = document.querySelector<HTMLElement>("[data-pin-part]");
  const ground = part?.querySelector<HTMLElement>("[data-pin-map]");
  if (!part || !ground) return;
  part.hidden = false;
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    void pin(part, ground);
  });
  seen.observe(ground);
}

function locate(): void {
  const form = document.querySelector<HTMLFormElement>("[data-locate]");
  if (!form || !navigator.geolocation) return;
  form.hidden = false;
  const refused = form.querySelector<HTMLElement>("[data-locate-refused]");
  form.querySelector("[data-locate-button]")?.addEventListener("click", () => {
    if (refused) refused.hidden = true;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        fill(form, coords.longitude, coords.latitude);
        form.submit();
      },
      () => {
        if (refused) refused.hidden = false;
      },
      { enableHighAccuracy: true, timeout: 10_000, maximumAge: 60_000 },
    );
  });
}

async function pin(part: HTMLElement, ground: HTMLElement): Promise<void> {
  const form = part.querySelector<HTMLFormElement>("form");
  if (!form) return;
  const at = ["longitude", "latitude"].map((name) => Number(field(form, name).value));
  const [longitude = 0, latitude = 0] = at;
  try {
    const { createMap } = await import("../shared/map/index.ts");
    const map = await createMap(ground, {
      city: ground.dataset.city ?? "",
      label: ground.dataset.label ?? "",
      centre: [longitude, latitude],
      zoom: 14,
      cooperative: true,
    });
    map.pin({
      at: [longitude, latitude],
      moved: ([lon, lat]) => fill(form, lon, lat),
    });
  } catch {
    part.hidden = true; // without WebGL: the place can still be typed
  }
}

function fill(form: HTMLFormElement, longitude: number, latitude: number): void {
  field(form, "longitude").value = longitude.toFixed(6);
  field(form, "latitude").value = latitude.toFixed(6);
}

function field(form: HTMLFormElement, name: string): HTMLInputElement {
  const found = form.elements.namedItem(name);
  if (!(found instanceof HTMLInputElement)) throw new Error(`no field ${name}`);
  return found;
}
