// What stands on a map, each with a shape of its own beside its colour: nothing is said by colour
// alone. The same shapes are in `_shapes.html`, for legends and lists.

import type { Palette } from "./palette.ts";

export const SHAPES = [
  "free",
  "offered",
  "busy",
  "late",
  "break",
  "merchant",
  "destination",
  "destination-late",
  "home",
  "stop",
] as const;
export type Shape = (typeof SHAPES)[number];

const SIZE = 26;
export const RATIO = 2;
export const IMAGE_PX = SIZE * RATIO;
const MIDDLE = SIZE / 2;

type Draw = (pen: CanvasRenderingContext2D, colours: Palette) => void;

export function image(shape: Shape, colours: Palette): ImageData {
  return drawn(DRAWN[shape], colours);
}

/** What is round the one that is looked at. */
export function chosenImage(colours: Palette): ImageData {
  return drawn((pen, c) => {
    pen.beginPath();
    pen.arc(0, 0, MIDDLE - 2, 0, 2 * Math.PI);
    pen.strokeStyle = pen.fillStyle = c.order;
    pen.lineWidth = 1.5;
    pen.stroke();
    pen.globalAlpha = 0.22;
    pen.fill();
  }, colours);
}

function drawn(draw: Draw, colours: Palette): ImageData {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = IMAGE_PX;
  const pen = canvas.getContext("2d") as CanvasRenderingContext2D;
  pen.scale(RATIO, RATIO);
  pen.translate(MIDDLE, MIDDLE);
  pen.lineJoin = "round";
  draw(pen, colours);
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}

const DRAWN: Record<Shape, Draw> = {
  free: (pen, c) => {
    pen.beginPath();
    pen.arc(0, 0, 6.5, 0, 2 * Math.PI);
    outlined(pen, c.free, c);
  },
  offered: (pen, c) => {
    polygon(pen, [
      [0, -8.5],
      [8.5, 0],
      [0, 8.5],
      [-8.5, 0],
    ]);
    outlined(pen, c.offered, c);
  },
  busy: (pen, c) => {
    polygon(pen, [
      [0, -8.5],
      [8, 6.5],
      [-8, 6.5],
    ]);
    outlined(pen, c.busy, c);
  },
  late: (pen, c) => {
    polygon(pen, [
      [-4, -9],
      [4, -9],
      [9, -4],
      [9, 4],
      [4, 9],
      [-4, 9],
      [-9, 4],
      [-9, -4],
    ]);
    outlined(pen, c.late, c);
    exclamation(pen, c.halo);
  },
  break: (pen, c) => {
    pen.beginPath();
    pen.rect(-6, -6, 12, 12);
    outlined(pen, c.break, c);
    pen.fillStyle = c.halo;
    pen.fillRect(-3, -3, 2, 6);
    pen.fillRect(1, -3, 2, 6);
  },
  merchant: (pen, c) => {
    polygon(pen, [
      [-6.5, -1.5],
      [-4.5, -6],
      [4.5, -6],
      [6.5, -1.5],
      [6.5, 6],
      [-6.5, 6],
    ]);
    outlined(pen, c.merchant, c);
    pen.fillStyle = c.halo;
    pen.fillRect(-2, 1, 4, 5);
  },
  destination: (pen, c) => ring(pen, c.order, c),
  "destination-late": (pen, c) => {
    ring(pen, c.late, c, 7.5);
    exclamation(pen, c.late);
  },
  home: (pen, c) => {
    polygon(pen, [
      [0, -8],
      [8, -1],
      [5.5, -1],
      [5.5, 7],
      [-5.5, 7],
      [-5.5, -1],
      [-8, -1],
    ]);
    outlined(pen, c.order, c);
    pen.fillStyle = c.halo;
    pen.fillRect(-1.75, 2, 3.5, 5);
  },
  stop: (pen, c) => {
    pen.beginPath();
    pen.arc(0, 0, 4, 0, 2 * Math.PI);
    outlined(pen, c.merchant, c);
  },
};

function ring(pen: CanvasRenderingContext2D, colour: string, c: Palette, radius = 6): void {
  pen.beginPath();
  pen.arc(0, 0, radius, 0, 2 * Math.PI);
  pen.fillStyle = c.halo;
  pen.fill();
  pen.strokeStyle = c.halo;
  pen.lineWidth = 5;
  pen.stroke();
  pen.strokeStyle = colour;
  pen.lineWidth = 2.5;
  pen.stroke();
  if (radius > 6) return;
  pen.beginPath();
  pen.arc(0, 0, 2.25, 0, 2 * Math.PI);
  pen.fillStyle = colour;
  pen.fill();
}

function exclamation(pen: CanvasRenderingContext2D, colour: string): void {
  pen.fillStyle = colour;
  pen.fillRect(-1.1, -4.5, 2.2, 5.5);
  pen.fillRect(-1.1, 2.3, 2.2, 2.2);
}

function polygon(pen: CanvasRenderingContext2D, corners: [number, number][]): void {
  pen.beginPath();
  for (const [x, y] of corners) pen.lineTo(x, y);
  pen.closePath();
}

function outlined(pen: CanvasRenderingContext2D, colour: string, c: Palette): void {
  pen.strokeStyle = c.halo;
  pen.lineWidth = 3;
  pen.stroke();
  pen.fillStyle = colour;
  pen.fill();
}
