// Slices and heat maps as pixels: unpacks what dashboard/readings/packing.py packs; windows, enlarges, colors and
// blends like dashboard/shared/overlays.py.

function readBytes(text) {
  const read = atob(text);
  const bytes = new Uint8Array(read.length);
  for (let place = 0; place < read.length; place++) bytes[place] = read.charCodeAt(place);
  return bytes;
}

async function unpackSlice({ size, bits, pixels }) {
  const stream = new Blob([readBytes(pixels)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  if (bits === 8) return { size, values: bytes };
  const n = size * size;
  const values = new Int16Array(n);
  for (let place = 0; place < n; place++) values[place] = bytes[place] | (bytes[n + place] << 8);
  return { size, values };
}

// A preview is a JPEG; `meanings` holds the values of its 256 grays.
async function unpackPreview(picture, meanings) {
  const bitmap = await createImageBitmap(new Blob([readBytes(picture)], { type: "image/jpeg" }));
  const size = bitmap.width;
  const context = new OffscreenCanvas(size, size).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const rgba = context.getImageData(0, 0, size, size).data;
  const values = new Int16Array(size * size);
  for (let place = 0; place < values.length; place++) values[place] = meanings[rgba[4 * place]];
  return { size, values };
}

// Values to gray. A clamped array rounds, and clips to 0 and 255.
function toGray(values, { center, width }) {
  const low = center - width / 2;
  const gray = new Uint8ClampedArray(values.length);
  for (let place = 0; place < values.length; place++) gray[place] = ((values[place] - low) * 255) / width;
  return gray;
}

// For each of `size` places: the first of `n` sources, and the weights of the sources from there. Bicubic, like Pillow.
function weighSources(n, size) {
  const weigh = (x) => {
    x = Math.abs(x);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
  };
  return Array.from({ length: size }, (_, place) => {
    const middle = ((place + 0.5) * n) / size;
    const first = Math.max(0, Math.floor(middle - 1.5));
    const last = Math.min(n, Math.floor(middle + 2.5));
    const weights = [];
    for (let source = first; source < last; source++) weights.push(weigh(source - middle + 0.5));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

// A heat map enlarged smoothly to size x size, its highest value at `strength` (0 to 1) of the scale.
function enlargeHeat({ height, width, bytes }, size, strength) {
  const heat = readBytes(bytes);
  const wide = new Float32Array(height * size);
  weighSources(width, size).forEach(({ first, weights }, column) => {
    for (let row = 0; row < height; row++) {
      let sum = 0;
      for (let tap = 0; tap < weights.length; tap++) sum += weights[tap] * heat[row * width + first + tap];
      wide[row * size + column] = strength * sum;
    }
  });
  const enlarged = new Uint8ClampedArray(size * size);
  weighSources(height, size).forEach(({ first, weights }, row) => {
    for (let column = 0; column < size; column++) {
      let sum = 0;
      for (let tap = 0; tap < weights.length; tap++) sum += weights[tap] * wide[(first + tap) * size + column];
      enlarged[row * size + column] = sum;
    }
  });
  return enlarged;
}

// For each heat value: its color times its opacity, and the remaining share of the slice. Opacity rises up to
// the middle of the scale.
function mixColors(colors, opacity) {
  const overlay = new Float32Array(256 * 3);
  const share = new Float32Array(256);
  for (let heat = 0; heat < 256; heat++) {
    const alpha = opacity * Math.min(1, heat / 127.5);
    share[heat] = 1 - alpha;
    for (let part = 0; part < 3; part++) overlay[3 * heat + part] = alpha * colors[3 * heat + part];
  }
  return { overlay, share };
}

// Paint a picture on its canvas; `heat` is as large as the picture, or null for the slice without heat.
function paint(canvas, size, gray, heat, { overlay, share }) {
  if (canvas.width !== size) canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  const image = context.createImageData(size, size);
  const rgba = image.data;
  for (let place = 0, at = 0; place < gray.length; place++, at += 4) {
    const warm = heat ? heat[place] : 0;
    rgba[at] = gray[place] * share[warm] + overlay[3 * warm];
    rgba[at + 1] = gray[place] * share[warm] + overlay[3 * warm + 1];
    rgba[at + 2] = gray[place] * share[warm] + overlay[3 * warm + 2];
    rgba[at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
