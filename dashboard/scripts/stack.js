// The viewer of a scan: slices and heat maps. Scrolling, windows and heat need no server. When the visitor rests
// on a slice, the server sends it in full.
const REST_MS = 200;
const MAX_STUDIES = 3;
const MAX_FULL = 24;
const WHEEL_PX = 40; // per slice; one notch of a wheel gives more
const GRAY = { center: 127.5, width: 255 };
const BUSY = "input:not([type=checkbox]), textarea, select, [contenteditable=true], [role=slider], [role=grid], [role=dialog] *";

// Shared by all scans and pages of this tab.
const tab = (globalThis.strokeCtStack ??= {
  studies: new Map(), // study -> its previews by index
  stacks: new Set(),
  looks: { heat: true, opacity: 0.5, window: null }, // null: the networks' own window
});

function storePreviews({ study, start, meanings, previews }) {
  const stored = tab.studies.get(study) ?? new Map();
  tab.studies.delete(study);
  tab.studies.set(study, stored);
  while (tab.studies.size > MAX_STUDIES) tab.studies.delete(tab.studies.keys().next().value);
  previews.forEach(({ picture, heat }, place) => {
    if (!stored.has(start + place)) stored.set(start + place, { picture, heat, meanings });
  });
  for (const stack of tab.stacks) stack.requestFrame();
  unpackAll([...stored.values()]);
}

function unpackOnce(preview) {
  preview.unpacking ??= unpackPreview(preview.picture, preview.meanings).then((slice) => {
    preview.found = { ...slice, heat: preview.heat };
    preview.picture = null;
  });
  return preview.unpacking;
}

async function unpackAll(previews) {
  for (const preview of previews) await unpackOnce(preview);
}

function make(kind, name, text) {
  const node = document.createElement(kind);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  return node;
}

// Text in the color of a framework.
function makeColored(framework, kind, text) {
  const node = make(kind, "framework", text);
  node.style.setProperty("--framework", `var(--${framework})`);
  return node;
}

function makeIcon(name) {
  const icon = make("span", "icon", name);
  icon.setAttribute("aria-hidden", "true");
  return icon;
}

class Stack {
  constructor(root) {
    this.root = root;
    this.box = root.querySelector(".stack");
    this.full = new Map(); // slices in full, by index
    this.turn = 0;
    this.wheel = 0;
    this.onPageKey = (event) => this.press(event, false);
    this.observer = new ResizeObserver(() => this.renderCurve());
    listen(this);
  }

  get(name) {
    return this.box.querySelector(name);
  }

  get n() {
    return this.data.slices.length;
  }

  get window() {
    return this.data.windows.length ? (tab.looks.window ?? this.data.windows[0]) : GRAY;
  }

  show(data, rest) {
    const before = this.data;
    const turn = ++this.turn;
    this.data = data;
    this.rest = rest;
    if (before?.scan !== data.scan) this.moved = false;
    // Once the visitor has scrolled, the index of the server is out of date.
    if (!this.moved) this.index = this.sentIndex = data.index;
    this.index = Math.min(this.index, this.n - 1);
    if (before?.study !== data.study) this.full.clear();
    if (data.slices.length === 1 || before?.scan !== data.scan) clearTimeout(this.resting);
    build(this);
    this.move();
    this.open();
    unpackSlice(data.picture).then((slice) => {
      if (this.data.study !== data.study) return;
      this.full.set(data.index, { ...slice, heat: data.picture.heat });
      if (this.full.size > MAX_FULL) this.full.delete(this.full.keys().next().value);
      this.requestFrame();
    });
    return () => turn === this.turn && this.close();
  }

  open() {
    tab.stacks.add(this);
    document.addEventListener("keydown", this.onPageKey);
    this.observer.observe(this.get(".scroller"));
  }

  close() {
    tab.stacks.delete(this);
    document.removeEventListener("keydown", this.onPageKey);
    this.observer.disconnect();
    clearTimeout(this.resting);
  }

  go(index) {
    index = Math.max(0, Math.min(this.n - 1, index));
    if (index === this.index) return;
    this.index = index;
    this.moved = true;
    this.move();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      if (this.index === this.sentIndex) return;
      this.sentIndex = this.index;
      this.rest(this.index);
    }, REST_MS);
  }

  move() {
    const { scores } = this.data.slices[this.index];
    const texts = this.data.networks.map(({ title }, place) => `${title} ${scores[place].toFixed(2)}`);
    const range = this.get("input.slice");
    range.value = this.index;
    range.setAttribute("aria-valuetext", [`Slice ${this.index + 1} of ${this.n}`, ...texts].join(", "));
    moveCursor(this.get("svg"), this.index, this.n, this.get("svg").clientWidth);
    for (const button of this.box.querySelectorAll(".key-slices button")) {
      button.setAttribute("aria-current", String(Number(button.dataset.index) === this.index));
    }
    this.requestFrame();
  }

  setWindow(window) {
    tab.looks.window = window && {
      center: Math.round(Math.max(-1000, Math.min(3000, window.center))),
      width: Math.round(Math.max(2, Math.min(4000, window.width))),
    };
    this.requestFrame();
  }

  requestFrame() {
    if (this.requested) return;
    this.requested = true;
    requestAnimationFrame(() => {
      this.requested = false;
      this.render();
    });
  }

  find() {
    const full = this.full.get(this.index);
    if (full) return full;
    const preview = tab.studies.get(this.data.study)?.get(this.index);
    if (preview && !preview.found) unpackOnce(preview).then(() => this.requestFrame());
    return preview?.found;
  }

  // The last slice stays on screen until the next one is ready; text and picture change together.
  render() {
    this.showLooks();
    const found = this.find();
    if (!found) return;
    const { heat, opacity } = tab.looks;
    const { strengths } = this.data.slices[this.index];
    if (this.warm?.found !== found || String(this.warm.strengths) !== String(strengths)) {
      const heats = found.heat.map((map, place) => enlargeHeat(map, found.size, strengths[place]));
      this.warm = { found, strengths, heats };
    }
    const gray = toGray(found.values, this.window);
    const mixed = mixColors(this.colors, opacity);
    this.box.querySelectorAll("canvas.rendered").forEach((canvas, place) => {
      paint(canvas, found.size, gray, heat && place ? this.warm.heats[place - 1] : null, mixed);
      canvas.dataset.slice = this.index + 1;
    });
    describeSlice(this, found);
  }

  renderCurve() {
    const svg = this.get("svg");
    if (this.n < 2 || !svg.clientWidth) return;
    renderCurve(svg, this.data, svg.clientWidth);
    moveCursor(svg, this.index, this.n, svg.clientWidth);
  }

  showLooks() {
    const { center, width } = this.window;
    const { heat, opacity } = tab.looks;
    this.get("input.center").value = center;
    this.get(".center-value").textContent = center;
    this.get("input.width").value = Math.round(100 * Math.log10(width));
    this.get("input.width").setAttribute("aria-valuetext", `${width} HU`);
    this.get(".width-value").textContent = width;
    this.box.querySelectorAll(".windows button").forEach((button, place) => {
      const named = this.data.windows[place];
      button.setAttribute("aria-pressed", String(named.center === center && named.width === width));
    });
    this.get("input.heat").checked = heat;
    this.get("input.opacity").value = opacity;
    this.get("input.opacity").disabled = !heat;
    this.get(".opacity-value").textContent = opacity.toFixed(2);
  }

  nextWindow() {
    const { windows } = this.data;
    if (!windows.length) return;
    const { center, width } = this.window;
    const place = windows.findIndex((named) => named.center === center && named.width === width);
    this.setWindow(windows[(place + 1) % windows.length]);
  }

  // Keys work on the whole page, except where they have another meaning; with the focus here, more keys work.
  press(event, focused) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
    const target = event.composedPath()[0];
    if (!focused && target instanceof Element && target.closest(BUSY)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const jump = Math.max(2, Math.round(this.n / 10));
    const steps = { ArrowUp: 1, ArrowDown: -1 };
    if (focused) Object.assign(steps, { ArrowRight: 1, ArrowLeft: -1, PageUp: jump, PageDown: -jump, Home: -this.n, End: this.n });
    const onOtherSlider = target instanceof Element && target.matches("input[type=range]:not(.slice)");
    if (key in steps && this.n > 1 && !onOtherSlider) this.go(this.index + steps[key]);
    else if (key === "h") this.setHeat(!tab.looks.heat);
    else if (key === "w" && this.data.windows.length) this.nextWindow();
    else return;
    event.preventDefault();
  }

  setHeat(shown) {
    tab.looks.heat = shown;
    this.requestFrame();
  }
}

export default function ({ parentElement: root, data, setTriggerValue }) {
  if (data.previews) return storePreviews(data);
  root.stack ??= new Stack(root);
  return root.stack.show(data, (index) => setTriggerValue("rest", index));
}
