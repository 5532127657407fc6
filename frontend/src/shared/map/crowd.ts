// A crowd: thousands of points that move every second, drawn at once by the graphics card. MapLibre
// would cut them into tiles and lay out every symbol anew for each batch of positions.

import type { CustomLayerInterface, CustomRenderMethodInput, Map as GlMap } from "maplibre-gl";
import type { Palette } from "./palette.ts";
import { chosenImage, IMAGE_PX, image, RATIO, SHAPES } from "./shapes.ts";
import type { LonLat, MapPoint } from "./types.ts";

const IMAGES = [...SHAPES, "chosen"] as const;
const CHOSEN = IMAGES.length - 1;
const CHOSEN_PX = 34;
const FADED = 0.42;
/** Of one: x, y, which image, how opaque. */
const FLOATS = 4;

const VERTEX = `#version 300 es
uniform mat4 matrix;
uniform vec2 screen;
uniform float size;
in vec2 corner;
in vec4 one;
out vec3 texel;
out float opacity;
void main() {
  float across = one.z == ${CHOSEN.toFixed(1)} ? ${CHOSEN_PX.toFixed(1)} : size;
  gl_Position = matrix * vec4(one.xy, 0.0, 1.0);
  gl_Position.xy += corner * across * 2.0 / screen * gl_Position.w;
  texel = vec3(0.5 + corner.x, 0.5 - corner.y, one.z);
  opacity = one.w;
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
precision mediump sampler2DArray;
uniform sampler2DArray images;
in vec3 texel;
in float opacity;
out vec4 colour;
void main() {
  colour = texture(images, texel) * opacity;
}`;

interface Drawn {
  program: WebGLProgram;
  vertices: WebGLVertexArrayObject;
  instances: WebGLBuffer;
  images: WebGLTexture;
  matrix: WebGLUniformLocation | null;
  screen: WebGLUniformLocation | null;
  size: WebGLUniformLocation | null;
}

export class Crowd implements CustomLayerInterface {
  readonly id: string;
  readonly type = "custom";
  readonly shown = new Map<string, MapPoint>();
  readonly #map: GlMap;
  readonly #places = new Map<string, number>();
  #colours: Palette;
  #chosen: string[] = [];
  #ones = new Float32Array();
  /** Floats are fine to centimetres only near nought: all is drawn from here. */
  #origin: LonLat = [0, 0];
  #drawn: Drawn | null = null;
  #fresh = { ones: false, images: false };

  constructor(map: GlMap, name: string, colours: Palette) {
    this.#map = map;
    this.id = name;
    this.#colours = colours;
  }

  get lowest(): string {
    return this.id;
  }

  set(points: Iterable<MapPoint>): void {
    this.shown.clear();
    for (const point of points) this.shown.set(point.id, point);
    this.#lay();
  }

  /** Points that are elsewhere now; those that are not shown are left out. */
  move(moves: Iterable<[string, LonLat]>): void {
    for (const [id, at] of moves) {
      const point = this.shown.get(id);
      if (!point) continue;
      this.shown.set(id, { ...point, at, faded: false });
      this.#place((this.#places.get(id) ?? 0) * FLOATS, at, 1);
    }
    this.#chosen.forEach((id, n) => {
      const point = this.shown.get(id);
      if (point) this.#place(n * FLOATS, point.at, 1);
    });
    this.#changed({ ones: true });
  }

  choose(ids: string[]): void {
    if (String(ids) === String(this.#chosen)) return;
    this.#chosen = ids;
    this.#lay();
  }

  repaint(colours: Palette): void {
    this.#colours = colours;
    this.#changed({ images: true });
  }

  /** Ids of those within a rectangle of the screen. */
  within([[left, top], [right, bottom]]: [LonLat, LonLat]): string[] {
    const { lng: west, lat: north } = this.#map.unproject([
      Math.min(left, right),
      Math.min(top, bottom),
    ]);
    const { lng: east, lat: south } = this.#map.unproject([
      Math.max(left, right),
      Math.max(top, bottom),
    ]);
    const found: string[] = [];
    for (const { id, at } of this.shown.values()) {
      if (at[0] >= west && at[0] <= east && at[1] >= south && at[1] <= north) found.push(id);
    }
    return found;
  }

  /** The one nearest to a point of the screen, if one is within reach. */
  nearest(x: number, y: number, reach: number): MapPoint | null {
    let least = reach;
    let found: MapPoint | null = null;
    for (const id of this.within([
      [x - reach, y - reach],
      [x + reach, y + reach],
    ])) {
      const point = this.shown.get(id) as MapPoint;
      const on = this.#map.project(point.at);
      const away = Math.hypot(on.x - x, on.y - y);
      if (away > least) continue;
      least = away;
      found = point;
    }
    return found;
  }

  onAdd(_: GlMap, gl: WebGL2RenderingContext): void {
    this.#drawn = prepare(gl);
    this.#fresh = { ones: false, images: false };
  }

  onRemove(_: GlMap, gl: WebGL2RenderingContext): void {
    if (!this.#drawn) return;
    gl.deleteProgram(this.#drawn.program);
    gl.deleteVertexArray(this.#drawn.vertices);
    gl.deleteBuffer(this.#drawn.instances);
    gl.deleteTexture(this.#drawn.images);
    this.#drawn = null;
  }

  render(gl: WebGL2RenderingContext, { defaultProjectionData }: CustomRenderMethodInput): void {
    const drawn = this.#drawn;
    const count = this.#ones.length / FLOATS;
    if (!drawn || !count) return;
    gl.useProgram(drawn.program);
    gl.bindVertexArray(drawn.vertices);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, drawn.images);
    if (!this.#fresh.images) paint(gl, this.#colours);
    if (!this.#fresh.ones) {
      gl.bindBuffer(gl.ARRAY_BUFFER, drawn.instances);
      gl.bufferData(gl.ARRAY_BUFFER, this.#ones, gl.DYNAMIC_DRAW);
    }
    this.#fresh = { ones: true, images: true };
    const ratio = this.#map.getPixelRatio();
    gl.uniformMatrix4fv(drawn.matrix, false, from(this.#origin, defaultProjectionData.mainMatrix));
    gl.uniform2f(drawn.screen, gl.drawingBufferWidth / ratio, gl.drawingBufferHeight / ratio);
    gl.uniform1f(drawn.size, (IMAGE_PX / RATIO) * sizeAt(this.#map.getZoom()));
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, count);
    gl.bindVertexArray(null);
  }

  /** Write down all of them anew: what is chosen first, below the others. */
  #lay(): void {
    const rings = this.#chosen.flatMap((id) => this.shown.get(id) ?? []);
    this.#chosen = rings.map(({ id }) => id);
    this.#ones = new Float32Array((rings.length + this.shown.size) * FLOATS);
    this.#places.clear();
    const [first] = this.shown.values();
    if (first) this.#origin = mercator(first.at);
    let n = 0;
    for (const { at } of rings) {
      this.#place(n * FLOATS, at, 1);
      this.#ones[n * FLOATS + 2] = CHOSEN;
      n += 1;
    }
    for (const { id, at, shape, faded } of this.shown.values()) {
      this.#places.set(id, n);
      this.#place(n * FLOATS, at, faded ? FADED : 1);
      this.#ones[n * FLOATS + 2] = IMAGES.indexOf(shape);
      n += 1;
    }
    this.#changed({ ones: true });
  }

  #place(offset: number, at: LonLat, opacity: number): void {
    const [x, y] = mercator(at);
    this.#ones[offset] = x - this.#origin[0];
    this.#ones[offset + 1] = y - this.#origin[1];
    this.#ones[offset + 3] = opacity;
  }

  #changed({ ones = false, images = false }): void {
    if (ones) this.#fresh.ones = false;
    if (images) this.#fresh.images = false;
    this.#map.triggerRepaint();
  }
}

/** As MapLibre's matrices have it: from 0 to 1, east and south. */
function mercator([longitude, latitude]: LonLat): LonLat {
  const north = Math.log(Math.tan(Math.PI / 4 + (latitude * Math.PI) / 360));
  return [longitude / 360 + 0.5, 0.5 - north / (2 * Math.PI)];
}

/** A matrix for what is told from an origin, worked out before it is cut to floats. */
function from([x, y]: LonLat, matrix: ArrayLike<number>): Float32Array {
  const moved = Float32Array.from(matrix);
  for (let row = 0; row < 4; row++) {
    const [a = 0, b = 0, c = 0] = [matrix[row], matrix[4 + row], matrix[12 + row]];
    moved[12 + row] = a * x + b * y + c;
  }
  return moved;
}

const SIZES = [
  [10, 0.5],
  [13, 0.85],
  [16, 1.1],
] as const;

/** As the symbols' `icon-size`. */
function sizeAt(zoom: number): number {
  let [below, size]: readonly [number, number] = SIZES[0];
  for (const [at, its] of SIZES) {
    if (zoom < at)
      return size + ((its - size) * Math.max(0, zoom - below)) / Math.max(1, at - below);
    [below, size] = [at, its];
  }
  return size;
}

function prepare(gl: WebGL2RenderingContext): Drawn {
  const program = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(kind) as WebGLShader;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  const vertices = gl.createVertexArray();
  gl.bindVertexArray(vertices);
  const corners = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, corners);
  gl.bufferData(
    gl.ARRAY_BUFFER,
    new Float32Array([-0.5, -0.5, 0.5, -0.5, -0.5, 0.5, 0.5, 0.5]),
    gl.STATIC_DRAW,
  );
  const corner = gl.getAttribLocation(program, "corner");
  gl.enableVertexAttribArray(corner);
  gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
  const instances = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, instances);
  const one = gl.getAttribLocation(program, "one");
  gl.enableVertexAttribArray(one);
  gl.vertexAttribPointer(one, FLOATS, gl.FLOAT, false, 0, 0);
  gl.vertexAttribDivisor(one, 1);
  gl.bindVertexArray(null);
  const place = (name: string) => gl.getUniformLocation(program, name);
  return {
    program,
    vertices,
    instances,
    images: gl.createTexture(),
    matrix: place("matrix"),
    screen: place("screen"),
    size: place("size"),
  };
}

/** Paint the images into the texture that is bound. */
function paint(gl: WebGL2RenderingContext, colours: Palette): void {
  const target = gl.TEXTURE_2D_ARRAY;
  gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
  gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, true);
  gl.texImage3D(
    target,
    0,
    gl.RGBA,
    ...([IMAGE_PX, IMAGE_PX, IMAGES.length] as const),
    0,
    gl.RGBA,
    gl.UNSIGNED_BYTE,
    null,
  );
  IMAGES.forEach((name, n) => {
    const drawn = name === "chosen" ? chosenImage(colours) : image(name, colours);
    const [width, height] = [drawn.width, drawn.height];
    gl.texSubImage3D(target, 0, 0, 0, n, width, height, 1, gl.RGBA, gl.UNSIGNED_BYTE, drawn);
  });
  gl.generateMipmap(target);
  gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
  gl.texParameteri(target, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(target, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}
