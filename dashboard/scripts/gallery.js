// A grid of cases. Each tile is a button with pictures, marks and the probability of each network.
// Arrow keys move, Enter opens, Page Up and Page Down turn the page.
const current = new WeakMap(); // root -> the tiles, focus and trigger that its listeners use

function make(kind, name, text) {
  const node = document.createElement(kind);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  return node;
}

function makeTile(tile, place) {
  const button = make("button", `tile ${tile.outcome}`);
  button.type = "button";
  button.dataset.row = tile.row;
  button.tabIndex = place === 0 ? 0 : -1;
  button.setAttribute("aria-label", tile.alt);
  if (tile.current) button.setAttribute("aria-current", "true");
  const frame = make("span", "frame");
  for (const source of tile.sources) {
    const picture = make("img");
    picture.src = source;
    picture.alt = "";
    picture.loading = "lazy";
    frame.append(picture);
  }
  if (!tile.sources.length) frame.append(make("span", "absent", tile.absent));
  const marks = make("span", "marks");
  for (const [kind, sign, title] of tile.marks) {
    const mark = make("span", `mark ${kind}`, sign);
    mark.title = title;
    marks.append(mark);
  }
  frame.append(marks);
  button.append(frame);
  const head = make("span", "head");
  head.append(make("span", tile.positive ? "positive" : "negative", tile.label), make("span", "name", tile.name));
  const scores = make("span", "scores");
  for (const [framework, text] of tile.scores) {
    const score = make("span", "framework", text);
    score.style.setProperty("--framework", `var(--${framework})`);
    scores.append(score);
  }
  button.append(head, scores);
  return button;
}

export default function ({ parentElement: root, data, setTriggerValue }) {
  const grid = root.querySelector(".grid");
  for (const [name, color] of Object.entries(data.colors)) grid.style.setProperty(`--${name}`, color);
  grid.style.setProperty("--columns", data.columns);
  grid.style.setProperty("--ratio", data.ratio);
  grid.classList.toggle("strip", data.strip);
  grid.setAttribute("aria-label", data.title);
  const before = root.activeElement?.closest?.(".tile")?.dataset.row;
  grid.replaceChildren(...data.tiles.map(makeTile));
  const tiles = [...grid.querySelectorAll(".tile")];
  const focus = (place) => {
    const next = tiles[Math.max(0, Math.min(tiles.length - 1, place))];
    if (!next) return;
    for (const tile of tiles) tile.tabIndex = tile === next ? 0 : -1;
    next.focus();
  };
  if (before !== undefined) focus(Math.max(0, tiles.findIndex((tile) => tile.dataset.row === before)));
  const open = tiles.find((tile) => tile.getAttribute("aria-current"));
  if (data.strip && open) grid.scrollLeft = open.offsetLeft - grid.clientWidth / 2 + open.clientWidth / 2;
  current.set(root, { tiles, focus, setTriggerValue });
  if (grid.dataset.listening) return;
  grid.dataset.listening = "yes";
  grid.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    if (tile) current.get(root).setTriggerValue("open", Number(tile.dataset.row));
  });
  grid.addEventListener("keydown", (event) => {
    const now = current.get(root);
    const place = now.tiles.indexOf(event.target.closest(".tile"));
    const across = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across };
    if (place < 0) return;
    if (event.key in steps) now.focus(place + steps[event.key]);
    else if (event.key === "PageDown") now.setTriggerValue("turn", 1);
    else if (event.key === "PageUp") now.setTriggerValue("turn", -1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}
