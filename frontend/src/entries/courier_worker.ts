// The courier's service worker: keeps the app's files, so that it opens without a network. What was
// tapped is not here but in the page's own store, and so survives every update of this.
//
// The server writes `SHELL` before it: a version, the page, and every file that it needs.

/// <reference lib="webworker" />

export {};

declare const SHELL: { version: string; page: string; files: string[] };

const worker = self as unknown as ServiceWorkerGlobalScope;

const KEPT = "tawsil-courier-";
const NOW = KEPT + SHELL.version;
const SLOW_MS = 3_000;

worker.addEventListener("install", (event) => {
  event.waitUntil(keep().then(() => worker.skipWaiting()));
});

async function keep(): Promise<void> {
  const cache = await caches.open(NOW);
  await cache.addAll(SHELL.files);
  await page(cache);
}

worker.addEventListener("activate", (event) => {
  event.waitUntil(forgetOld().then(() => worker.clients.claim()));
});

async function forgetOld(): Promise<void> {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(KEPT) && name !== NOW);
  await Promise.all(old.map((name) => caches.delete(name)));
}

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const { origin, pathname } = new URL(request.url);
  if (origin !== worker.location.origin) return;
  if (request.mode === "navigate" && pathname === SHELL.page) event.respondWith(freshPage());
  else if (pathname.startsWith("/static/")) event.respondWith(file(request));
});

/** The page as it is now; what we kept of it if the network does not answer in time. */
async function freshPage(): Promise<Response> {
  const cache = await caches.open(NOW);
  const kept = await cache.match(SHELL.page);
  const asked = page(cache);
  if (!kept) return asked;
  const slow = new Promise<Response>((resolve) => setTimeout(() => resolve(kept), SLOW_MS));
  return Promise.race([asked.catch(() => kept), slow]);
}

async function page(cache: Cache): Promise<Response> {
  const answer = await fetch(SHELL.page, {
    credentials: "same-origin",
    redirect: "follow",
  });
  if (answer.ok && !answer.redirected) await cache.put(SHELL.page, answer.clone());
  else if (answer.redirected) return Response.redirect(answer.url);
  return answer;
}

/** Files never change under their address. */
async function file(request: Request): Promise<Response> {
  const kept = await caches.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) await (await caches.open(NOW)).put(request, answer.clone());
  return answer;
}

// Where the browser knows when the network is back, pages that are open are told to send.
worker.addEventListener(
  "sync" as never,
  ((event: ExtendableEvent & { tag: string }) => {
    if (event.tag === "outbox") event.waitUntil(tellPages());
  }) as never,
);

async function tellPages(): Promise<void> {
  for (const client of await worker.clients.matchAll()) client.postMessage("flush");
}
