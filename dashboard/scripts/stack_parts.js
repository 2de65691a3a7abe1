// The parts of the viewer: built from the data of the server, with their event listeners.

// Elements built from the same data stay, so that the focus stays.
function hasChanged(node, ...of) {
  const made = JSON.stringify(of);
  if (node.dataset.made === made) return false;
  node.dataset.made = made;
  return true;
}

function build(stack) {
  const { box, data } = stack;
  const many = data.slices.length > 1;
  for (const [name, color] of Object.entries(data.colors)) box.style.setProperty(`--${name}`, color);
  stack.colors = readBytes(data.magma);
  box.classList.toggle("many", many);
  buildPictures(stack);
  buildWindows(stack);
  buildKeySlices(stack);
  const lines = (data.geometry ? 1 : 0) + Math.max(...data.slices.map(({ warnings }) => warnings.length));
  stack.get(".place").style.setProperty("--lines", lines);
  stack.get(".scroller").hidden = !many;
  stack.get("input.slice").max = data.slices.length - 1;
  const bar = stack.get(".scale canvas").getContext("2d");
  const ramp = bar.createImageData(256, 1);
  for (let heat = 0; heat < 256; heat++) ramp.data.set([...stack.colors.subarray(3 * heat, 3 * heat + 3), 255], 4 * heat);
  bar.putImageData(ramp, 0, 0);
  stack.get(".scale canvas").setAttribute("aria-label", `Colors of the heat maps: ${data.scale.join(", ")}`);
  stack.get(".scale .marks").replaceChildren(...data.scale.map((mark) => make("span", "", mark)));
  buildLegend(stack);
  const hints = [];
  if (many) hints.push("Slices: wheel, arrow keys, or drag.");
  if (data.windows.length) hints.push("Level and width: drag with the right button or Shift; double-click to reset.");
  stack.get(".hint").textContent = hints.join(" ");
  stack.get(".hint").hidden = !hints.length;
  stack.renderCurve();
}

function buildKeySlices(stack) {
  const keySlices = stack.data.key_slices;
  const row = stack.get(".key-slices");
  row.hidden = stack.n < 2;
  if (!hasChanged(row, keySlices)) return;
  row.replaceChildren(make("span", "quiet", keySlices.length ? "Key slices" : "No key slices"));
  for (const index of keySlices) {
    const button = make("button", "", String(index + 1));
    button.type = "button";
    button.dataset.index = index;
    button.setAttribute("aria-label", `Slice ${index + 1}`);
    button.onclick = () => stack.go(index);
    row.append(button);
  }
}

// Canvases are reused for the next scan.
function buildPictures(stack) {
  const { data } = stack;
  const titles = ["The slice as uploaded", ...data.networks.map(({ title }) => `Heat map of the ${title} network over the slice`)];
  const pictures = stack.get(".pictures");
  if (pictures.querySelectorAll("canvas").length !== titles.length) {
    pictures.replaceChildren(...titles.map(() => makeFigure(make("canvas", "rendered"))));
  }
  const columns = titles.length + (data.reference ? 1 : 0);
  pictures.style.setProperty("--columns", columns);
  pictures.classList.toggle("four", columns > 3);
  const sides = data.marks ? `; ${data.marks[0]} is on the left` : "";
  pictures.querySelectorAll("figure:not(.reference)").forEach((figure, place) => {
    const canvas = figure.querySelector("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", place ? titles[place] : titles[0] + sides);
    figure.querySelectorAll(".edge").forEach((edge) => edge.remove());
    for (const mark of data.marks ?? []) figure.querySelector(".frame").append(make("span", "edge", mark));
  });
  pictures.querySelector(".reference")?.remove();
  if (!data.reference) return;
  const picture = make("img");
  picture.src = data.reference.address;
  picture.alt = "A slice to compare with";
  const figure = makeFigure(picture);
  figure.classList.add("reference");
  const { title, kind, sign, decision, text } = data.reference;
  figure.querySelector("figcaption").append(make("b", "", title), " ");
  if (decision) figure.querySelector("figcaption").append(make("b", kind, `${sign} ${decision}`));
  figure.querySelector(".foot").append(make("span", "", text));
  pictures.append(figure);
}

function makeFigure(picture) {
  const figure = make("figure");
  const frame = make("div", "frame");
  frame.append(picture);
  figure.append(make("figcaption"), frame, make("div", "foot"));
  return figure;
}

function buildWindows(stack) {
  const { windows } = stack.data;
  for (const part of stack.box.querySelectorAll(".windows, .windowing")) part.hidden = !windows.length;
  if (!hasChanged(stack.get(".windows"), windows)) return;
  const title = make("span", "", "Window ");
  title.append(make("kbd", "", "W"));
  stack.get(".windows").replaceChildren(
    title,
    ...windows.map(({ name, center, width }, place) => {
      const button = make("button", "", `${name} ${width}/${center}`);
      button.type = "button";
      button.title = "Width/level in Hounsfield units";
      button.onclick = () => stack.setWindow(place ? { center, width } : null);
      return button;
    }),
  );
}

function buildLegend(stack) {
  const { networks, slices, finding, direction } = stack.data;
  const parts = networks.map(({ name, title, shape, dash }) =>
    makeColored(name, "span", `${shape === "circle" ? "●" : "■"} ${title}${dash ? ", dashed" : ""}`));
  parts.unshift(make("span", "", `Probability of ${finding} along the slices${direction}`));
  parts.push(make("span", "", "··· threshold"));
  if (slices.some(({ counted }) => !counted)) parts.push(make("span", "", "hollow marks: not counted"));
  const outcomes = Object.entries(stack.data.outcomes).flatMap(([outcome, { words }]) => {
    const n = slices.filter((slice) => slice.outcome === outcome).length;
    return n ? [makeOutcome(stack, outcome, `${n} ${words.toLowerCase()}`)] : [];
  });
  stack.get(".legend").replaceChildren(...parts);
  stack.get(".tally").replaceChildren(make("span", "", "Each slice alone, at the threshold for single slices:"), ...outcomes);
}

// An outcome in words, in its color and after its sign.
function makeOutcome(stack, outcome, text) {
  const { icon, words } = stack.data.outcomes[outcome];
  const node = make("span", `outcome ${outcome}`);
  node.append(makeIcon(icon), ` ${text ?? words}`);
  return node;
}

// The text of the slice on screen.
function describeSlice(stack, found) {
  const { data, index } = stack;
  const slice = data.slices[index];
  const [shown, ...networks] = stack.box.querySelectorAll("figure:not(.reference)");
  const { center, width } = stack.window;
  const numbered = stack.n > 1 ? `Slice ${index + 1} of ${stack.n}` : "Slice";
  const caption = [make("b", "", numbered)];
  if (stack.n > 1) caption.push(" ", makeOutcome(stack, slice.outcome));
  shown.querySelector("figcaption").replaceChildren(...caption);
  shown.querySelector(".foot").replaceChildren(make("span", "", slice.place));
  if (data.windows.length) shown.querySelector(".foot").append(make("span", "", `L ${center} W ${width} HU`));
  networks.forEach((figure, place) => {
    const { name, title } = data.networks[place];
    const parts = [makeColored(name, "b", title), make("b", "", slice.scores[place].toFixed(2))];
    // On a slice that is not judged, a network's number says nothing.
    if (slice.outcome !== "not_judged") parts.push(makeOutcome(stack, slice.decisions[place]));
    figure.querySelector("figcaption").replaceChildren(...parts.flatMap((part) => [part, " "]));
    const none = !readBytes(found.heat[place].bytes).some((value) => value > 0);
    const text = none ? `Empty: the method found no place that speaks for ${data.finding}. This does not exclude it.` : "";
    figure.querySelector(".foot").replaceChildren(make("span", "", text));
  });
  const notes = data.geometry ? [make("span", "quiet", data.geometry)] : [];
  for (const warning of slice.warnings) {
    const part = make("span", "review");
    part.append(makeIcon("warning"), ` ${warning}`);
    notes.push(part);
  }
  stack.get(".place").replaceChildren(...notes);
}

function listen(stack) {
  const pictures = stack.get(".pictures");
  const range = stack.get("input.slice");
  stack.root.addEventListener("keydown", (event) => stack.press(event, true));
  range.addEventListener("input", () => stack.go(Number(range.value)));
  pictures.addEventListener("wheel", (event) => scroll(stack, event), { passive: false });
  pictures.addEventListener("pointerdown", (event) => drag(stack, event));
  pictures.addEventListener("dblclick", () => stack.setWindow(null));
  pictures.addEventListener("contextmenu", (event) => stack.data.windows.length && event.preventDefault());
  const svg = stack.get("svg");
  const follow = (event) => {
    const box = svg.getBoundingClientRect();
    stack.go(findOnCurve(event.clientX - box.left, stack.n, box.width));
  };
  svg.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    range.focus({ preventScroll: true });
    followPointer(svg, event, follow);
    follow(event);
  });
  const { looks } = tab;
  stack.get("input.center").addEventListener("input", (event) =>
    stack.setWindow({ ...stack.window, center: Number(event.target.value) }));
  stack.get("input.width").addEventListener("input", (event) =>
    stack.setWindow({ ...stack.window, width: 10 ** (Number(event.target.value) / 100) }));
  stack.get("input.heat").addEventListener("change", (event) => stack.setHeat(event.target.checked));
  stack.get("input.opacity").addEventListener("input", (event) => {
    looks.opacity = Number(event.target.value);
    stack.requestFrame();
  });
}

// One slice per event of a wheel; the many small events of a touch pad are added up.
function scroll(stack, event) {
  if (stack.n < 2 || event.ctrlKey) return;
  event.preventDefault();
  stack.wheel += event.deltaMode ? WHEEL_PX * Math.sign(event.deltaY) : event.deltaY;
  if (Math.abs(stack.wheel) < WHEEL_PX) return;
  stack.go(stack.index - Math.sign(stack.wheel));
  stack.wheel = 0;
}

// Dragging with the left button scrolls; with the right button or Shift it sets center (down) and width (across).
function drag(stack, event) {
  const windowing = event.button === 2 || (event.button === 0 && event.shiftKey);
  if (windowing ? !stack.data.windows.length : event.button !== 0 || stack.n < 2) return;
  event.preventDefault();
  if (stack.n > 1) stack.get("input.slice").focus({ preventScroll: true });
  const { clientX, clientY } = event;
  const from = { index: stack.index, ...stack.window };
  const pace = windowing ? Math.max(0.5, from.width / 200) : Math.max(4, Math.min(16, event.target.clientHeight / stack.n));
  followPointer(stack.get(".pictures"), event, (now) => {
    const across = now.clientX - clientX;
    const down = now.clientY - clientY;
    if (windowing) stack.setWindow({ center: from.center + pace * down, width: from.width + pace * across });
    else stack.go(from.index - Math.round(down / pace));
  });
}

function followPointer(node, event, follow) {
  node.setPointerCapture(event.pointerId);
  const end = () => {
    node.removeEventListener("pointermove", follow);
    node.removeEventListener("pointerup", end);
    node.removeEventListener("pointercancel", end);
  };
  node.addEventListener("pointermove", follow);
  node.addEventListener("pointerup", end);
  node.addEventListener("pointercancel", end);
}
