// The slices of a scan with what each network sees in them. Scrolling, windows and heat are drawn here, at once;
// when the visitor rests on a slice, the server is told, and hands over the slice in full.
const REST_MS = 200;
const MOST_STUDIES = 3;
const MOST_SHARP = 24;
const WHEEL_PX = 40; // what makes one slice: a notch of a wheel is one event of more
const GRAY = { level: 127.5, width: 255 };
const BUSY = "input:not([type=checkbox]), textarea, select, [contenteditable=true], [role=slider], [role=grid], [role=dialog] *";

// Of this tab, whatever scan and page is shown.
const tab = (globalThis.strokeCtStack ??= {
  studies: new Map(), // study -> its previews by index
  stacks: new Set(),
  looks: { heat: true, opacity: 0.5, window: null }, // no window: the networks' own
});

function keepPreviews({ study, start, meanings, previews }) {
  const kept = tab.studies.get(study) ?? new Map();
  tab.studies.delete(study);
  tab.studies.set(study, kept);
  while (tab.studies.size > MOST_STUDIES) tab.studies.delete(tab.studies.keys().next().value);
  previews.forEach(({ picture, heat }, place) => {
    if (!kept.has(start + place)) kept.set(start + place, { picture, heat, meanings });
  });
  for (const stack of tab.stacks) stack.ask();
  unpackAll([...kept.values()]);
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

// Words in the colour of a framework.
function makeOf(framework, kind, text) {
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
    this.sharp = new Map(); // slices in full, by index
    this.turn = 0;
    this.wheel = 0;
    this.onPageKey = (event) => this.press(event, false);
    this.observer = new ResizeObserver(() => this.drawCurve());
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
    // Where the visitor has scrolled to counts; what the server shows is older.
    if (!this.moved) this.index = this.told = data.index;
    this.index = Math.min(this.index, this.n - 1);
    if (before?.study !== data.study) this.sharp.clear();
    if (data.slices.length === 1 || before?.scan !== data.scan) clearTimeout(this.resting);
    build(this);
    this.move();
    this.open();
    unpackSlice(data.picture).then((slice) => {
      if (this.data.study !== data.study) return;
      this.sharp.set(data.index, { ...slice, heat: data.picture.heat });
      if (this.sharp.size > MOST_SHARP) this.sharp.delete(this.sharp.keys().next().value);
      this.ask();
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
      if (this.index === this.told) return;
      this.told = this.index;
      this.rest(this.index);
    }, REST_MS);
  }

  move() {
    const { scores } = this.data.slices[this.index];
    const said = this.data.networks.map(({ title }, place) => `${title} ${scores[place].toFixed(2)}`);
    const range = this.get("input.slice");
    range.value = this.index;
    range.setAttribute("aria-valuetext", [`Slice ${this.index + 1} of ${this.n}`, ...said].join(", "));
    moveCursor(this.get("svg"), this.index, this.n, this.get("svg").clientWidth);
    for (const button of this.box.querySelectorAll(".driving button")) {
      button.setAttribute("aria-current", String(Number(button.dataset.index) === this.index));
    }
    this.ask();
  }

  setWindow(window) {
    tab.looks.window = window && {
      level: Math.round(Math.max(-1000, Math.min(3000, window.level))),
      width: Math.round(Math.max(2, Math.min(4000, window.width))),
    };
    this.ask();
  }

  ask() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.draw();
    });
  }

  find() {
    const sharp = this.sharp.get(this.index);
    if (sharp) return sharp;
    const preview = tab.studies.get(this.data.study)?.get(this.index);
    if (preview && !preview.found) unpackOnce(preview).then(() => this.ask());
    return preview?.found;
  }

  // What is on screen stays until the next is there; words and picture change together.
  draw() {
    this.showLooks();
    const found = this.find();
    if (!found) return;
    const { heat, opacity } = tab.looks;
    if (this.warm?.found !== found) {
      this.warm = { found, heats: found.heat.map((map) => spreadHeat(map, found.size)) };
    }
    const gray = toGray(found.values, this.window);
    const mixed = mixColors(this.colors, opacity);
    this.box.querySelectorAll("canvas.drawn").forEach((canvas, place) => {
      paint(canvas, found.size, gray, heat && place ? this.warm.heats[place - 1] : null, mixed);
      canvas.dataset.slice = this.index + 1;
    });
    tellSlice(this, found);
  }

  drawCurve() {
    const svg = this.get("svg");
    if (this.n < 2 || !svg.clientWidth) return;
    drawCurve(svg, this.data, svg.clientWidth);
    moveCursor(svg, this.index, this.n, svg.clientWidth);
  }

  showLooks() {
    const { level, width } = this.window;
    const { heat, opacity } = tab.looks;
    this.get("input.level").value = level;
    this.get(".level-told").textContent = level;
    this.get("input.width").value = Math.round(100 * Math.log10(width));
    this.get("input.width").setAttribute("aria-valuetext", `${width} HU`);
    this.get(".width-told").textContent = width;
    this.box.querySelectorAll(".windows button").forEach((button, place) => {
      const named = this.data.windows[place];
      button.setAttribute("aria-pressed", String(named.level === level && named.width === width));
    });
    this.get("input.heat").checked = heat;
    this.get("input.opacity").value = opacity;
    this.get("input.opacity").disabled = !heat;
    this.get(".opacity-told").textContent = opacity.toFixed(2);
  }

  nextWindow() {
    const { windows } = this.data;
    if (!windows.length) return;
    const { level, width } = this.window;
    const place = windows.findIndex((named) => named.level === level && named.width === width);
    this.setWindow(windows[(place + 1) % windows.length]);
  }

  // Keys work on the whole page but where they mean something else; more of them where the focus is here.
  press(event, ours) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
    const target = event.composedPath()[0];
    if (!ours && target instanceof Element && target.closest(BUSY)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const many = Math.max(2, Math.round(this.n / 10));
    const steps = { ArrowUp: 1, ArrowDown: -1 };
    if (ours) Object.assign(steps, { ArrowRight: 1, ArrowLeft: -1, PageUp: many, PageDown: -many, Home: -this.n, End: this.n });
    const elsewhere = target instanceof Element && target.matches("input[type=range]:not(.slice)");
    if (key in steps && this.n > 1 && !elsewhere) this.go(this.index + steps[key]);
    else if (key === "h") this.setHeat(!tab.looks.heat);
    else if (key === "w" && this.data.windows.length) this.nextWindow();
    else return;
    event.preventDefault();
  }

  setHeat(shown) {
    tab.looks.heat = shown;
    this.ask();
  }
}

export default function ({ parentElement: root, data, setTriggerValue }) {
  if (data.previews) return keepPreviews(data);
  root.stack ??= new Stack(root);
  return root.stack.show(data, (index) => setTriggerValue("rest", index));
}
