// The map of the live city, on a canvas: the ground, who moves on it and where they are going.
// Metres east and south of the ground's middle; north is up in every language.

const METRES_PER_DEGREE = 111195;
const STALE_S = 45;
const GLIDE_MS = 1000;
const REACH_PX = 16;
const NEAREST = 1.2; // px per metre
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class CityMap {
  #canvas;
  #pen;
  #ground = document.createElement("canvas");
  #groundDrawn = "";
  #features = [];
  #middle = null;
  #extent = null;
  #view = { x: 0, y: 0, scale: 0.05 };
  #moved = false;
  #couriers = new Map();
  #orders = [];
  #merchants = [];
  #chosen = null;
  #asked = false;
  #colours = {};
  #behind_ms = 0;

  constructor(canvas, { pick, tip, words }) {
    this.#canvas = canvas;
    this.#pen = canvas.getContext("2d");
    this.pick = pick;
    this.tip = tip;
    this.words = words;
    this.#readColours();
    this.#listen();
    new ResizeObserver(() => this.#resize()).observe(canvas);
    const theme = matchMedia("(prefers-color-scheme: dark)");
    theme.addEventListener("change", () => {
      this.#readColours();
      this.#draw();
    });
  }

  setGround(collection) {
    const points = [];
    this.#features = collection.features.map((feature) => {
      const { type, coordinates } = feature.geometry;
      const lines = type === "LineString" ? [coordinates] : coordinates;
      points.push(...lines.flat());
      return { ...feature.properties, area: type === "Polygon", lines };
    });
    const land = this.#features.filter((f) => !f.area || f.kind === "district");
    const shown = land.flatMap((f) => f.lines.flat());
    this.#around(shown.length ? shown : points);
    for (const feature of this.#features) {
      feature.lines = feature.lines.map((line) => line.map((point) => this.#metres(point)));
    }
    this.#groundDrawn = "";
    this.fit();
  }

  setScene(snapshot) {
    this.#behind_ms = Date.parse(snapshot.at) - Date.now();
    if (!this.#middle) this.#around([snapshot.centre, ...snapshot.orders.map((o) => o.dropoff)]);
    const known = this.#couriers;
    this.#couriers = new Map(
      snapshot.couriers
        .filter((courier) => courier.at)
        .map((courier) => [courier.id, this.#moving(courier, known.get(courier.id))]),
    );
    this.#orders = snapshot.orders;
    this.#merchants = snapshot.merchants;
    this.#draw();
  }

  /** A position has come in between two snapshots; an older one than is shown changes nothing. */
  move(id, point, at) {
    const courier = this.#couriers.get(id);
    if (!courier || Date.parse(at) <= Date.parse(courier.seen_at)) return;
    this.#couriers.set(id, this.#moving({ ...courier, at: point, seen_at: at }, courier));
    this.#draw();
  }

  choose(orderId) {
    this.#chosen = orderId;
    const order = this.#orders.find((one) => one.id === orderId);
    if (order) this.#reveal(order);
    this.#draw();
  }

  zoom(factor, at = null) {
    const { width, height } = this.#size();
    const [px, py] = at ?? [width / 2, height / 2];
    const [x, y] = this.#there(px, py);
    this.#view.scale = Math.min(NEAREST, Math.max(0.01, this.#view.scale * factor));
    this.#view.x = x - (px - width / 2) / this.#view.scale;
    this.#view.y = y - (py - height / 2) / this.#view.scale;
    this.#moved = true;
    this.#draw();
  }

  pan(dx, dy) {
    this.#view.x -= dx / this.#view.scale;
    this.#view.y -= dy / this.#view.scale;
    this.#moved = true;
    this.#draw();
  }

  fit() {
    if (!this.#extent) return;
    const { width, height } = this.#size();
    const [west, north, east, south] = this.#extent;
    const scale = Math.min(width / (east - west), height / (south - north));
    this.#view = { x: (west + east) / 2, y: (north + south) / 2, scale: scale * 0.96 };
    this.#moved = false;
    this.#draw();
  }

  redraw() {
    this.#readColours();
    this.#draw();
  }

  #around(points) {
    const lons = points.map((p) => p[0]);
    const lats = points.map((p) => p[1]);
    const [west, east] = [Math.min(...lons), Math.max(...lons)];
    const [south, north] = [Math.min(...lats), Math.max(...lats)];
    this.#middle = [(west + east) / 2, (south + north) / 2];
    const [x0, y0] = this.#metres([west, north]);
    const [x1, y1] = this.#metres([east, south]);
    const margin = 250;
    this.#extent = [x0 - margin, y0 - margin, x1 + margin, y1 + margin];
  }

  #metres([lon, lat]) {
    const shrink = Math.cos((this.#middle[1] * Math.PI) / 180);
    return [
      (lon - this.#middle[0]) * shrink * METRES_PER_DEGREE,
      (this.#middle[1] - lat) * METRES_PER_DEGREE,
    ];
  }

  #size() {
    return { width: this.#canvas.clientWidth || 1, height: this.#canvas.clientHeight || 1 };
  }

  #here([x, y]) {
    const { width, height } = this.#size();
    const { x: cx, y: cy, scale } = this.#view;
    return [width / 2 + (x - cx) * scale, height / 2 + (y - cy) * scale];
  }

  #there(px, py) {
    const { width, height } = this.#size();
    const { x, y, scale } = this.#view;
    return [x + (px - width / 2) / scale, y + (py - height / 2) / scale];
  }

  #on(point) {
    return this.#here(this.#metres(point));
  }

  #moving(courier, before) {
    const from = before ? this.#place(before, performance.now()) : courier.at;
    return { ...courier, from, since: performance.now() };
  }

  /** Where a courier is drawn: gliding from the last position to the new one. */
  #place(courier, now) {
    const t = still.matches ? 1 : Math.min(1, (now - courier.since) / GLIDE_MS);
    const eased = t * (2 - t);
    return courier.from.map((from, axis) => from + (courier.at[axis] - from) * eased);
  }

  #reveal(order) {
    const { width, height } = this.#size();
    const [x, y] = this.#on(order.next_stop);
    const inside = x > 40 && y > 40 && x < width - 40 && y < height - 40;
    if (!inside) [this.#view.x, this.#view.y] = this.#metres(order.next_stop);
  }

  #resize() {
    const { width, height } = this.#size();
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.#canvas, this.#ground]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    this.#groundDrawn = "";
    if (this.#moved) this.#draw();
    else this.fit();
  }

  #readColours() {
    const probe = document.createElement("span");
    document.body.append(probe);
    const names = ["land", "sea", "park", "street", "avenue", "casing", "district", "words",
      "halo", "free", "offered", "busy", "break", "merchant", "order", "late"];
    for (const name of names) {
      probe.style.color = `var(--map-${name})`;
      this.#colours[name] = getComputedStyle(probe).color;
    }
    probe.remove();
    this.#groundDrawn = "";
  }

  #draw() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame((now) => {
      this.#asked = false;
      this.#frame(now);
    });
  }

  #frame(now) {
    if (!this.#middle) return;
    const ratio = this.#canvas.width / this.#size().width;
    const key = JSON.stringify(this.#view);
    if (key !== this.#groundDrawn) {
      this.#drawGround(ratio);
      this.#groundDrawn = key;
    }
    const pen = this.#pen;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.drawImage(this.#ground, 0, 0);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#drawWays(pen, now);
    for (const merchant of this.#merchants) this.#drawMerchant(pen, merchant);
    for (const order of this.#orders) this.#drawDestination(pen, order);
    let gliding = false;
    for (const courier of this.#couriers.values()) {
      this.#drawCourier(pen, courier, now);
      gliding ||= !still.matches && now - courier.since < GLIDE_MS;
    }
    if (gliding) this.#draw();
  }

  #drawGround(ratio) {
    const pen = this.#ground.getContext("2d");
    const { width, height } = this.#size();
    const colours = this.#colours;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = colours.land;
    pen.fillRect(0, 0, width, height);
    pen.lineJoin = pen.lineCap = "round";
    for (const f of this.#features) {
      if (f.area && f.kind !== "district") this.#fill(pen, f, f.kind === "park" ? colours.park : colours.sea);
    }
    pen.setLineDash([4, 5]);
    for (const f of this.#features) {
      if (f.kind === "district") this.#stroke(pen, f, colours.district, 1.25);
    }
    pen.setLineDash([]);
    const streets = this.#features.filter((f) => !f.area);
    for (const f of streets) this.#stroke(pen, f, colours.casing, this.#wide(f.kind) + 1.5);
    for (const major of [false, true]) {
      for (const f of streets) {
        if ((f.kind !== "street") === major) {
          this.#stroke(pen, f, major ? colours.avenue : colours.street, this.#wide(f.kind));
        }
      }
    }
    this.#drawNames(pen);
  }

  #wide(kind) {
    const metres = { street: 16, avenue: 30, corniche: 34, ring: 36 }[kind] ?? 16;
    const least = kind === "street" ? 1 : 2.25;
    return Math.min(18, Math.max(least, metres * this.#view.scale));
  }

  #trace(pen, feature) {
    pen.beginPath();
    for (const line of feature.lines) {
      line.forEach((point, n) => pen[n ? "lineTo" : "moveTo"](...this.#here(point)));
    }
  }

  #fill(pen, feature, colour) {
    this.#trace(pen, feature);
    pen.fillStyle = colour;
    pen.fill();
  }

  #stroke(pen, feature, colour, wide) {
    this.#trace(pen, feature);
    pen.strokeStyle = colour;
    pen.lineWidth = wide;
    pen.stroke();
  }

  #drawNames(pen) {
    const language = document.documentElement.lang;
    const taken = [];
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const named = this.#features.filter((f) => f.area && f.kind !== "park" && f.kind !== "sea");
    const parks = this.#features.filter((f) => f.kind === "park" && this.#view.scale > 0.11);
    for (const feature of [...named, ...parks]) {
      const name = language === "ar" ? feature.name_ar : feature.name_en;
      if (!name) continue;
      const ring = feature.lines[0];
      const middle = [0, 1].map((axis) => {
        const values = ring.map((point) => point[axis]);
        return (Math.min(...values) + Math.max(...values)) / 2;
      });
      const [x, y] = this.#here(middle);
      const size = feature.kind === "district" ? 12 : 11;
      pen.font = `${feature.kind === "district" ? 600 : 400} ${size}px ${getComputedStyle(document.body).fontFamily}`;
      const half = pen.measureText(name).width / 2 + 6;
      const clash = taken.some(([x0, y0, w]) => Math.abs(x - x0) < half + w && Math.abs(y - y0) < 16);
      if (clash) continue;
      taken.push([x, y, half]);
      pen.lineWidth = 3;
      pen.strokeStyle = this.#colours.halo;
      pen.globalAlpha = 0.75;
      pen.strokeText(name, x, y);
      pen.globalAlpha = 1;
      pen.fillStyle = this.#colours.words;
      pen.fillText(name, x, y);
    }
  }

  #drawWays(pen, now) {
    for (const order of this.#orders) {
      const courier = order.courier_id && this.#couriers.get(order.courier_id);
      if (!courier) continue;
      const chosen = order.id === this.#chosen;
      pen.beginPath();
      pen.moveTo(...this.#on(this.#place(courier, now)));
      pen.lineTo(...this.#on(order.next_stop));
      pen.strokeStyle = order.late ? this.#colours.late : this.#colours.busy;
      pen.globalAlpha = chosen ? 1 : this.#chosen ? 0.16 : 0.42;
      pen.lineWidth = chosen ? 2.5 : 1.5;
      pen.setLineDash(order.next_stop === order.pickup ? [2, 5] : [7, 5]);
      pen.stroke();
    }
    pen.setLineDash([]);
    pen.globalAlpha = 1;
  }

  #drawMerchant(pen, merchant) {
    const [x, y] = this.#on(merchant.at);
    pen.beginPath();
    pen.moveTo(x - 5, y - 1);
    pen.lineTo(x - 3.5, y - 5);
    pen.lineTo(x + 3.5, y - 5);
    pen.lineTo(x + 5, y - 1);
    pen.lineTo(x + 5, y + 5);
    pen.lineTo(x - 5, y + 5);
    pen.closePath();
    this.#outlined(pen, this.#colours.merchant, 2);
    pen.fillStyle = this.#colours.halo;
    pen.fillRect(x - 1.5, y + 1, 3, 4);
  }

  #drawDestination(pen, order) {
    const [x, y] = this.#on(order.dropoff);
    const chosen = order.id === this.#chosen;
    const colour = order.late ? this.#colours.late : this.#colours.order;
    pen.globalAlpha = this.#chosen && !chosen ? 0.5 : 1;
    pen.beginPath();
    pen.arc(x, y, chosen ? 7 : 4.5, 0, 2 * Math.PI);
    pen.fillStyle = this.#colours.halo;
    pen.fill();
    pen.strokeStyle = colour;
    pen.lineWidth = chosen ? 2.75 : 2;
    pen.stroke();
    pen.beginPath();
    pen.arc(x, y, chosen ? 2.75 : 1.75, 0, 2 * Math.PI);
    pen.fillStyle = colour;
    pen.fill();
    pen.globalAlpha = 1;
  }

  #drawCourier(pen, courier, now) {
    const [x, y] = this.#on(this.#place(courier, now));
    const colour = this.#colours[courier.presence];
    pen.globalAlpha = this.#stale(courier) ? 0.45 : 1;
    pen.beginPath();
    if (courier.presence === "free") pen.arc(x, y, 6, 0, 2 * Math.PI);
    else if (courier.presence === "offered") polygon(pen, x, y, [[0, -8], [8, 0], [0, 8], [-8, 0]]);
    else if (courier.presence === "busy") polygon(pen, x, y, [[0, -8], [7.5, 6], [-7.5, 6]]);
    else pen.rect(x - 5.5, y - 5.5, 11, 11);
    this.#outlined(pen, colour, 2.5);
    if (courier.presence === "break") {
      pen.fillStyle = this.#colours.halo;
      pen.fillRect(x - 2.75, y - 2.5, 1.75, 5);
      pen.fillRect(x + 1, y - 2.5, 1.75, 5);
    }
    if (this.#stale(courier)) {
      pen.setLineDash([2.5, 2.5]);
      pen.globalAlpha = 0.8;
      pen.strokeStyle = colour;
      pen.lineWidth = 1.25;
      pen.beginPath();
      pen.arc(x, y, 11, 0, 2 * Math.PI);
      pen.stroke();
      pen.setLineDash([]);
    }
    pen.globalAlpha = 1;
  }

  #outlined(pen, colour, wide) {
    pen.lineJoin = "round";
    pen.strokeStyle = this.#colours.halo;
    pen.lineWidth = wide;
    pen.stroke();
    pen.fillStyle = colour;
    pen.fill();
  }

  #stale(courier) {
    const age_ms = Date.now() + this.#behind_ms - Date.parse(courier.seen_at);
    return age_ms > STALE_S * 1000;
  }

  /** What is drawn nearest to a point, with what to say of it and the order it belongs to. */
  #near(px, py) {
    const now = performance.now();
    const candidates = [];
    for (const courier of this.#couriers.values()) {
      const order = this.#orders.find((one) => one.courier_id === courier.id);
      const said = this.#stale(courier) ? this.words.stale_courier : this.words[courier.presence];
      candidates.push([this.#on(this.#place(courier, now)), [courier.name, said], order?.id]);
    }
    for (const order of this.#orders) {
      const said = [`#${order.number}`, this.words.statuses[order.status]];
      candidates.push([this.#on(order.dropoff), said, order.id]);
    }
    for (const merchant of this.#merchants) {
      candidates.push([this.#on(merchant.at), [merchant.name], null]);
    }
    let best = null;
    let reach = REACH_PX;
    for (const [[x, y], said, order] of candidates) {
      const away = Math.hypot(x - px, y - py);
      if (away < reach) [best, reach] = [{ x, y, said, order }, away];
    }
    return best;
  }

  #listen() {
    const canvas = this.#canvas;
    const fingers = new Map();
    let dragged = 0;
    const spread = () => {
      const [a, b] = [...fingers.values()];
      return b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0;
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
      dragged = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) {
        this.tip(this.#near(event.offsetX, event.offsetY));
        return;
      }
      const apart = spread();
      fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
      const [dx, dy] = [event.offsetX - before[0], event.offsetY - before[1]];
      dragged += Math.abs(dx) + Math.abs(dy);
      this.tip(null);
      this.pan(dx / fingers.size, dy / fingers.size);
      if (fingers.size === 2 && apart) this.zoom(spread() / apart, [event.offsetX, event.offsetY]);
    });
    canvas.addEventListener("pointerup", (event) => {
      fingers.delete(event.pointerId);
      if (dragged > 6) return;
      const found = this.#near(event.offsetX, event.offsetY);
      if (found?.order) this.pick(found.order);
      else this.tip(found);
    });
    canvas.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => this.tip(null));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const factor = Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) / 300);
      this.zoom(factor, [event.offsetX, event.offsetY]);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const step = 60;
      const act = {
        ArrowLeft: () => this.pan(step, 0),
        ArrowRight: () => this.pan(-step, 0),
        ArrowUp: () => this.pan(0, step),
        ArrowDown: () => this.pan(0, -step),
        "+": () => this.zoom(1.35),
        "=": () => this.zoom(1.35),
        "-": () => this.zoom(1 / 1.35),
        0: () => this.fit(),
      }[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act();
    });
  }
}

function polygon(pen, x, y, corners) {
  corners.forEach(([dx, dy], n) => pen[n ? "lineTo" : "moveTo"](x + dx, y + dy));
  pen.closePath();
}
