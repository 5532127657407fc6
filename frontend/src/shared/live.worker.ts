// One stream for all pages of a browser (HTTP/1.1 allows six connections), told to each of them.

import type { Session } from "./session.ts";
import { Stream } from "./stream.ts";

export type FromPage =
  | { want: string[]; watchful: boolean }
  | { session: Session }
  | { retry: true }
  | { leave: true };
export type ToPage =
  | { heard: string; data: unknown; id: string }
  | { wire: Stream["wire"]; heardAt: number }
  | { keep: true };

interface Page {
  port: MessagePort;
  names: Set<string>;
}

const pages = new Set<Page>();
const ANSWER_WITHIN_MS = 10_000;
let answering: ((session: Session) => void) | null = null;

const stream = new Stream({
  heard(name, data, id) {
    for (const page of pages) if (page.names.has(name)) tell(page, { heard: name, data, id });
  },
  changed(wire, heardAt) {
    for (const page of pages) tell(page, { wire, heardAt });
  },
  keep() {
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve("unreachable"), ANSWER_WITHIN_MS);
      answering = (session) => {
        clearTimeout(late);
        answering = null;
        resolve(session);
      };
      for (const page of pages) tell(page, { keep: true });
    });
  },
});

function tell(page: Page, message: ToPage): void {
  page.port.postMessage(message);
}

function hear(page: Page, said: FromPage): void {
  if ("want" in said) {
    for (const name of said.want) page.names.add(name);
    stream.want(said.want, said);
    tell(page, { wire: stream.wire, heardAt: stream.heardAt });
  } else if ("session" in said) {
    answering?.(said.session);
  } else if ("retry" in said) {
    if (stream.wire !== "open") stream.open();
  } else {
    pages.delete(page);
    page.port.close();
    if (!pages.size) stream.close();
  }
}

addEventListener("connect", (event) => {
  const [port] = (event as MessageEvent).ports;
  if (!port) return;
  const page: Page = { port, names: new Set() };
  pages.add(page);
  port.onmessage = ({ data }: MessageEvent<FromPage>) => hear(page, data);
});
