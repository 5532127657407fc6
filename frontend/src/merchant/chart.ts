// Net as bars and orders as a line, in the colours of the page, drawn anew with its width and theme.

import "uplot/dist/uPlot.min.css";
import uPlot from "uplot";

export interface ChartData {
  kind: "days" | "hours";
  x: number[];
  orders: number[];
  net: number[];
}

const HEIGHT = 240;
const NARROW = 480;

export function draw(place: HTMLElement, data: ChartData): void {
  let chart: uPlot | null = null;
  const again = () => {
    const width = Math.floor(place.clientWidth);
    if (!width) return;
    chart?.destroy();
    chart = new uPlot(options(place, data, width), [data.x, data.net, data.orders], place);
    // What it shows is in the table below; a reader of screens is told so and no more.
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", place.dataset["label"] ?? "");
  };
  let drawn = 0;
  new ResizeObserver(() => {
    const width = Math.floor(place.clientWidth);
    if (width === drawn) return;
    drawn = width;
    again();
  }).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
}

function options(place: HTMLElement, data: ChartData, width: number): uPlot.Options {
  const colour = colours(place);
  const axis = {
    stroke: colour("--ink-soft"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: `12px ${getComputedStyle(place).fontFamily}`,
  };
  const locale = document.documentElement.lang;
  const bars = uPlot.paths.bars;
  const fill = bars ? { paths: bars({ size: [0.7, 48] }) } : {};
  return {
    width,
    height: HEIGHT,
    legend: { show: true },
    cursor: { drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: [first(data), last(data)] },
      net: { range: upTo },
      orders: { range: upTo },
    },
    series: [
      {
        label: place.dataset["x"] ?? "",
        value: (_, at) => (at === null ? "—" : name(data, at, locale)),
      },
      {
        label: place.dataset["net"] ?? "",
        scale: "net",
        stroke: colour("--accent"),
        fill: colour("--accent"),
        points: { show: false },
        value: (_, n) => (n === null ? "—" : n.toLocaleString("en")),
        ...fill,
      },
      {
        label: place.dataset["orders"] ?? "",
        scale: "orders",
        stroke: colour("--warn"),
        width: 2,
        points: { show: data.x.length < 40, size: 6, fill: colour("--surface") },
      },
    ],
    axes: [
      {
        ...axis,
        grid: { show: false },
        splits: () => splits(data, width),
        values: (_, at) => at.map((x) => name(data, x, locale)),
      },
      { ...axis, scale: "net", size: 56 },
      { ...axis, scale: "orders", side: 1, size: 40, grid: { show: false } },
    ],
  };
}

/** Of a token, the colour that it is in the theme of the page. */
function colours(place: HTMLElement): (token: string) => string {
  const probe = document.createElement("i");
  place.append(probe);
  return (token) => {
    probe.style.color = `var(${token})`;
    const found = getComputedStyle(probe).color;
    probe.remove();
    place.append(probe);
    return found;
  };
}

const step = (data: ChartData) => (data.kind === "days" ? 86_400 : 1);
const first = (data: ChartData) => (data.x[0] ?? 0) - step(data) / 2;
const last = (data: ChartData) => (data.x.at(-1) ?? 0) + step(data) / 2;

function upTo(_: uPlot, least: number | null, most: number | null): [number, number] {
  return [Math.min(0, least ?? 0), Math.max(1, (most ?? 0) * 1.1)];
}

function splits(data: ChartData, width: number): number[] {
  const every = Math.max(1, Math.ceil(data.x.length / (width < NARROW ? 5 : 12)));
  return data.x.filter((_, n) => n % every === 0);
}

function name(data: ChartData, at: number, locale: string): string {
  if (data.kind === "hours") return `${String(at).padStart(2, "0")}:00`;
  return new Intl.DateTimeFormat(`${locale}-u-nu-latn`, {
    day: "numeric",
    month: "short",
    timeZone: "UTC",
  }).format(at * 1000);
}
