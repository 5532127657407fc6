// Go to whatever the page knows by name: orders, couriers, merchants, and other pages.

import { say } from "../shared/words.ts";
import { $ } from "./page.ts";
import type { Snapshot } from "./types.ts";

const MOST = 12;

interface Found {
  kind: "orders" | "couriers" | "merchants" | "pages";
  words: string;
  go: () => void;
}

export function palette(
  snapshot: () => Snapshot,
  go: {
    order: (id: string) => void;
    courier: (id: string) => void;
    at: (place: [number, number]) => void;
  },
): void {
  const dialog = $<HTMLDialogElement>("palette");
  const input = $<HTMLInputElement>("palette-text");
  const list = $("palette-list");
  let found: Found[] = [];
  let active = 0;

  const open = () => {
    if (dialog.open) return dialog.close();
    input.value = "";
    show();
    dialog.showModal();
    input.focus();
  };

  function everything(): Found[] {
    const { orders, couriers, merchants } = snapshot();
    const pages = [...document.querySelectorAll<HTMLAnchorElement>("#side a[href]")];
    return [
      ...orders.map(
        ({ id, number, merchant }): Found => ({
          kind: "orders",
          words: `#${number} · ${merchant}`,
          go: () => go.order(id),
        }),
      ),
      ...couriers.map(
        ({ id, name }): Found => ({ kind: "couriers", words: name, go: () => go.courier(id) }),
      ),
      ...merchants.map(
        ({ name, at }): Found => ({ kind: "merchants", words: name, go: () => go.at(at) }),
      ),
      ...pages.map(
        (link): Found => ({
          kind: "pages",
          words: link.textContent?.trim() ?? "",
          go: () => location.assign(link.href),
        }),
      ),
    ];
  }

  function show(): void {
    const wanted = input.value.trim().toLocaleLowerCase();
    found = everything()
      .filter(({ words }) => words.toLocaleLowerCase().includes(wanted))
      .slice(0, MOST);
    active = 0;
    list.replaceChildren(...found.map(drawn));
    $("palette-none").hidden = found.length > 0;
    mark();
  }

  function drawn({ kind, words }: Found, n: number): HTMLLIElement {
    const line = document.createElement("li");
    line.id = `palette-${n}`;
    line.setAttribute("role", "option");
    const said = document.createElement("bdi");
    said.textContent = words;
    const of = document.createElement("small");
    of.textContent = say(`palette.${kind}`);
    line.append(said, of);
    line.addEventListener("click", () => take(n));
    return line;
  }

  function mark(): void {
    for (const [n, line] of [...list.children].entries()) {
      line.setAttribute("aria-selected", String(n === active));
    }
    list.children[active]?.scrollIntoView({ block: "nearest" });
    if (found.length) input.setAttribute("aria-activedescendant", `palette-${active}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function take(n: number): void {
    dialog.close();
    found[n]?.go();
  }

  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) {
      event.preventDefault();
      active = (active + step + found.length) % found.length;
      mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      take(active);
    }
  });
  const opener = $("palette-open");
  opener.hidden = false;
  opener.removeAttribute("data-opens");
  opener.addEventListener("click", open);
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
}
