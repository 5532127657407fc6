/** The section that is read is marked in the navigation, which follows along. */
export function followSections(): void {
  const navigation = document.querySelector<HTMLElement>("[data-follows]");
  if (!navigation) return;
  const links = new Map<Element, HTMLAnchorElement>();
  for (const link of navigation.querySelectorAll("a")) {
    const section = document.getElementById(link.hash.slice(1));
    if (section) links.set(section, link);
  }
  let marked: HTMLAnchorElement | undefined;
  const mark = (): void => {
    const line = navigation.getBoundingClientRect().bottom + 24;
    let read: HTMLAnchorElement | undefined;
    for (const [section, link] of links) {
      if (!read || section.getBoundingClientRect().top <= line) read = link;
    }
    if (read === marked) return;
    marked?.removeAttribute("aria-current");
    read?.setAttribute("aria-current", "true");
    marked = read;
    const row = navigation.querySelector("ul");
    if (!row || !read) return;
    const away = read.getBoundingClientRect();
    const within = row.getBoundingClientRect();
    row.scrollBy({
      left: (away.left + away.right - within.left - within.right) / 2,
    });
  };
  let waiting = false;
  addEventListener(
    "scroll",
    () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        mark();
      });
    },
    { passive: true },
  );
  mark();
}
