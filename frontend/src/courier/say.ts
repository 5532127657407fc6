// Amounts, distances and times in the language of the page; the numerals are the locale's own.

const locale = document.documentElement.lang;
const region = locale === "ar" ? "ar-AE" : "en-GB";
export const arabic = locale === "ar";

export function amount(minor: number, currency: string): string {
  const money = new Intl.NumberFormat(region, { style: "currency", currency });
  const { maximumFractionDigits: digits = 2 } = money.resolvedOptions();
  return money.format(minor / 10 ** digits);
}

export function distance(metres: number): string {
  const far = metres >= 950;
  const unit = far ? "kilometer" : "meter";
  const value = far ? metres / 1000 : Math.round(metres / 10) * 10;
  const digits = far && value < 10 ? 1 : 0;
  return new Intl.NumberFormat(region, {
    style: "unit",
    unit,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}

export const clock = (at: string): string =>
  new Intl.DateTimeFormat(region, {
    hour: "2-digit",
    minute: "2-digit",
  }).format(Date.parse(at));

export const day = (at: string): string =>
  new Intl.DateTimeFormat(region, {
    weekday: "short",
    day: "numeric",
    month: "short",
  }).format(Date.parse(at));

export const percent = (share: number): string =>
  new Intl.NumberFormat(region, {
    style: "percent",
    maximumFractionDigits: 0,
  }).format(share);

export const number = (value: number, digits = 0): string =>
  new Intl.NumberFormat(region, { maximumFractionDigits: digits }).format(value);

/** Minutes and seconds that are left; zero once it is over. */
export function countdown(until: string, now: number): string {
  const left_s = Math.max(0, Math.floor((Date.parse(until) - now) / 1000));
  const digits = new Intl.NumberFormat(region, { minimumIntegerDigits: 2 });
  return `${number(Math.floor(left_s / 60))}:${digits.format(left_s % 60)}`;
}

export const secondsLeft = (until: string, now: number): number =>
  Math.max(0, (Date.parse(until) - now) / 1000);
