// Photos and signatures, made small enough to be sent from anywhere.

const LONGEST_PX = 1_280;
const MOST_BYTES = 300_000;
const QUALITIES = [0.82, 0.7, 0.55, 0.4];

/** Draw a photo into a canvas, no larger than need be. */
export async function drawPhoto(file: File, canvas: HTMLCanvasElement): Promise<void> {
  const image = await createImageBitmap(file, {
    imageOrientation: "from-image",
  });
  const scale = Math.min(1, LONGEST_PX / Math.max(image.width, image.height));
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
}

/** As good a JPEG as fits. */
export async function photoOf(canvas: HTMLCanvasElement): Promise<Blob> {
  let smallest = await encoded(canvas, "image/jpeg", QUALITIES[0]);
  for (const quality of QUALITIES.slice(1)) {
    if (smallest.size <= MOST_BYTES) break;
    smallest = await encoded(canvas, "image/jpeg", quality);
  }
  if (smallest.size <= MOST_BYTES || canvas.width < 200) return smallest;
  return photoOf(halved(canvas));
}

function halved(canvas: HTMLCanvasElement): HTMLCanvasElement {
  const half = document.createElement("canvas");
  half.width = Math.round(canvas.width / 2);
  half.height = Math.round(canvas.height / 2);
  half.getContext("2d")?.drawImage(canvas, 0, 0, half.width, half.height);
  return half;
}

/** A signature, dark on white whatever the theme. */
export async function signatureOf(canvas: HTMLCanvasElement): Promise<Blob> {
  const paper = document.createElement("canvas");
  paper.width = canvas.width;
  paper.height = canvas.height;
  const pen = paper.getContext("2d");
  if (pen) {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, paper.width, paper.height);
    pen.drawImage(canvas, 0, 0);
  }
  return encoded(paper, "image/png");
}

function encoded(canvas: HTMLCanvasElement, type: string, quality?: number): Promise<Blob> {
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error(`no ${type} of this`))),
      type,
      quality,
    ),
  );
}
