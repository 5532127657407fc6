// Dishes dragged by their grips to another place on the menu. Each has buttons that do the same.

const form = document.getElementById("do");
if (form instanceof HTMLFormElement) {
  document.getElementById("main")?.classList.add("drags");
  document.addEventListener("pointerdown", (event) => {
    const grip = event.target instanceof Element ? event.target.closest("[data-grip]") : null;
    const dish = grip?.closest<HTMLElement>("[data-dish]");
    if (dish && event.button === 0) drag(form, dish, event);
  });
}

interface Drop {
  row: HTMLElement;
  side: "before" | "after";
}

function drag(form: HTMLFormElement, dish: HTMLElement, start: PointerEvent): void {
  start.preventDefault();
  let drop: Drop | null = null;
  dish.dataset["dragged"] = "";

  const show = (next: Drop | null) => {
    if (drop) delete drop.row.dataset["drop"];
    drop = next;
    if (drop) drop.row.dataset["drop"] = drop.side;
  };
  const move = (event: PointerEvent) => {
    if (event.pointerId !== start.pointerId) return;
    scrollAtEdges(event.clientY);
    show(dropAt(event, dish));
  };
  const end = (event: Event) => {
    const to = event.type === "pointerup" ? drop : null;
    show(null);
    delete dish.dataset["dragged"];
    stop.abort();
    if (to) send(form, dish, to);
  };
  const stop = new AbortController();
  const { signal } = stop;
  document.addEventListener("pointermove", move, { signal });
  document.addEventListener("pointerup", end, { signal });
  document.addEventListener("pointercancel", end, { signal });
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.key === "Escape") end(event);
    },
    { signal },
  );
}

function dropAt(event: PointerEvent, dish: HTMLElement): Drop | null {
  const under = document.elementFromPoint(event.clientX, event.clientY);
  const row = under?.closest<HTMLElement>("[data-dish], .none");
  if (!row || row === dish) return null;
  const { top, height } = row.getBoundingClientRect();
  const below = row.matches("[data-dish]") && event.clientY > top + height / 2;
  return { row, side: below ? "after" : "before" };
}

function send(form: HTMLFormElement, dish: HTMLElement, { row, side }: Drop): void {
  const category = row.closest<HTMLElement>("[data-category]")?.dataset["category"] ?? "";
  let before: Element | null = side === "after" ? row : row.previousElementSibling;
  if (before === dish) before = dish.previousElementSibling;
  const after = before instanceof HTMLElement ? (before.dataset["dish"] ?? "") : "";
  for (const [name, value] of Object.entries({ category_id: category, after_id: after })) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name, value });
    form.append(input);
  }
  form.action = `/merchant/menu/dishes/${dish.dataset["dish"]}/move`;
  form.submit();
}

const EDGE_PX = 64;
const STEP_PX = 14;

function scrollAtEdges(y: number): void {
  if (y < EDGE_PX) window.scrollBy(0, -STEP_PX);
  else if (y > window.innerHeight - EDGE_PX) window.scrollBy(0, STEP_PX);
}

export {};
