// The probabilities of the networks along the slices, as SVG, above the outcome of each slice; x is aligned with the
// thumb of the slider below.
const CURVE = { height: 132, left: 34, right: 12, top: 8, foot: 30 };
const STRIP = { gap: 5, height: 7, widest: 16 };

function makeSvg(kind, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function placeOnCurve(index, n, width) {
  return CURVE.left + (index / Math.max(1, n - 1)) * (width - CURVE.left - CURVE.right);
}

function findOnCurve(x, n, width) {
  const share = (x - CURVE.left) / (width - CURVE.left - CURVE.right);
  return Math.max(0, Math.min(n - 1, Math.round(share * (n - 1))));
}

function makeMark(shape, x, y, radius, attributes) {
  return shape === "circle"
    ? makeSvg("circle", { cx: x, cy: y, r: radius, ...attributes })
    : makeSvg("rect", { x: x - radius, y: y - radius, width: 2 * radius, height: 2 * radius, ...attributes });
}

// Everything except the cursor. Hollow marks: slices not counted; large marks: key slices.
function renderCurve(svg, data, width) {
  const n = data.slices.length;
  const bottom = CURVE.height - CURVE.foot;
  const y = (probability) => CURVE.top + (1 - probability) * (bottom - CURVE.top);
  const right = width - CURVE.right;
  svg.setAttribute("viewBox", `0 0 ${width} ${CURVE.height}`);
  svg.setAttribute("height", CURVE.height);
  const nodes = [];
  for (const tick of [0, 0.5, 1]) {
    nodes.push(makeSvg("line", { class: "grid", x1: CURVE.left, x2: right, y1: y(tick), y2: y(tick) }));
    nodes.push(makeSvg("text", { x: CURVE.left - 8, y: y(tick) + 4, "text-anchor": "end" }, String(tick)));
  }
  const step = [1, 2, 5, 10, 20, 50, 100, 200].find((every) => n / every <= Math.max(2, width / 60)) ?? 500;
  for (let number = 1; number <= n; number++) {
    if (number !== 1 && (number % step || number <= step / 2 + 1)) continue;
    nodes.push(makeSvg("text", { x: placeOnCurve(number - 1, n, width), y: CURVE.height - 5, "text-anchor": "middle" }, String(number)));
  }
  const radius = Math.max(1.5, Math.min(3.5, (0.35 * (right - CURVE.left)) / n));
  data.networks.forEach(({ name, shape, dash, threshold }, network) => {
    const group = makeSvg("g", { class: "framework", style: `--framework: var(--${name})` });
    const points = data.slices.map(({ scores }, index) => [placeOnCurve(index, n, width), y(scores[network])]);
    group.append(
      makeSvg("line", { class: "threshold", x1: CURVE.left, x2: right, y1: y(threshold), y2: y(threshold) }),
      makeSvg("polyline", { class: "line", "stroke-dasharray": dash, points: points.map((point) => point.join()).join(" ") }),
    );
    data.slices.forEach(({ counted }, index) => {
      const large = data.key_slices.includes(index) ? 2 : 0;
      group.append(makeMark(shape, ...points[index], radius + large, { class: counted ? "mark" : "mark hollow" }));
    });
    nodes.push(group);
  });
  nodes.push(...renderOutcomes(data.slices, bottom + STRIP.gap, width));
  nodes.push(makeSvg("line", { class: "cursor", y1: CURVE.top - 6, y2: bottom + STRIP.gap + STRIP.height + 2 }));
  svg.replaceChildren(...nodes);
}

// A cell for each slice: filled if flagged, hollow if not, hatched if uncertain, a line if not judged.
function renderOutcomes(slices, top, width) {
  const n = slices.length;
  const step = (width - CURVE.left - CURVE.right) / Math.max(1, n - 1);
  const wide = Math.max(0.5, Math.min(STRIP.widest, 0.8 * step));
  const hatch = makeSvg("pattern", { id: "hatch", width: 4, height: 4, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  hatch.append(makeSvg("rect", { class: "hatch", width: 2, height: 4 }));
  const cells = slices.map(({ outcome }, index) => {
    const thin = outcome === "not_judged";
    return makeSvg("rect", {
      class: `cell ${outcome}`, x: placeOnCurve(index, n, width) - wide / 2, width: wide,
      y: top + (thin ? STRIP.height / 2 - 1 : 0), height: thin ? 2 : STRIP.height,
    });
  });
  return [hatch, ...cells];
}

function moveCursor(svg, index, n, width) {
  const x = placeOnCurve(index, n, width);
  svg.querySelector(".cursor")?.setAttribute("x1", x);
  svg.querySelector(".cursor")?.setAttribute("x2", x);
}
