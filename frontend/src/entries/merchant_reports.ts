// Charts above the tables of a report, of the same numbers. Without them the tables say it all.

import type { ChartData } from "../merchant/chart.ts";

const numbers = document.getElementById("charts")?.textContent;
if (numbers) {
  const all = JSON.parse(numbers) as Record<string, ChartData>;
  const { draw } = await import("../merchant/chart.ts");
  for (const place of document.querySelectorAll<HTMLElement>("[data-chart]")) {
    const data = all[place.dataset["chart"] ?? ""];
    if (data) draw(place, data);
  }
}
