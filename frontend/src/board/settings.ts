// What this screen is set to. It stays with the device; a shift stays with the tab.

import { signal } from "@preact/signals";

export interface Settings {
  printOnAccept: boolean;
  keys: boolean;
  volume: number;
}

const KEPT = "tawsil-board";
const SHIFT = "tawsil-shift";
const SEEN = "tawsil-seen";
const USUAL: Settings = { printOnAccept: false, keys: true, volume: 1 };

function stored<T>(storage: Storage, key: string, otherwise: T): T {
  try {
    const found = storage.getItem(key);
    return found === null ? otherwise : (JSON.parse(found) as T);
  } catch {
    return otherwise; // written by somebody else, or storage is forbidden
  }
}

function store(storage: Storage, key: string, value: unknown): void {
  try {
    storage.setItem(key, JSON.stringify(value));
  } catch {
    // It holds until the page is left.
  }
}

export const settings = signal<Settings>({
  ...USUAL,
  ...stored<Partial<Settings>>(localStorage, KEPT, {}),
});
export const shift = signal(stored(sessionStorage, SHIFT, false));
export const seen = signal<ReadonlySet<string>>(
  new Set(stored<string[]>(sessionStorage, SEEN, [])),
);

export function change(changes: Partial<Settings>): void {
  settings.value = { ...settings.value, ...changes };
  store(localStorage, KEPT, settings.value);
}

export function setShift(on: boolean): void {
  shift.value = on;
  store(sessionStorage, SHIFT, on);
}

export function markSeen(ids: Iterable<string>): void {
  seen.value = new Set([...seen.value, ...ids]);
  store(sessionStorage, SEEN, [...seen.value].slice(-100));
}
