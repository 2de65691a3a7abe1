// A table of counts. Each cell is a button that selects the cases it counts.
function make(kind, name, text) {
  const node = document.createElement(kind);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  return node;
}

export default function ({ parentElement: root, data, setTriggerValue }) {
  const box = root.querySelector(".matrix");
  for (const [name, color] of Object.entries(data.colors)) box.style.setProperty(`--${name}`, color);
  const table = make("table");
  table.append(make("caption", "", data.title));
  const head = make("tr");
  head.append(make("td"), ...data.columns.map((text) => Object.assign(make("th", "", text), { scope: "col" })));
  table.append(head);
  data.rows.forEach((title, place) => {
    const line = make("tr");
    line.append(Object.assign(make("th", "", title), { scope: "row" }));
    for (const cell of data.cells[place]) {
      const button = make("button", cell.kind);
      button.type = "button";
      button.dataset.cell = cell.name;
      button.style.setProperty("--share", `${Math.round(5 + 55 * cell.share)}%`);
      button.setAttribute("aria-pressed", String(cell.chosen));
      button.setAttribute("aria-label", `${data.title}: ${cell.meaning}, ${cell.n.toLocaleString("en-US")}`);
      button.append(make("span", "count", cell.n.toLocaleString("en-US")), make("span", "note", cell.note));
      button.onclick = () => setTriggerValue("choose", cell.name);
      const field = make("td");
      field.append(button);
      line.append(field);
    }
    table.append(line);
  });
  const focused = root.activeElement?.dataset?.cell;
  box.replaceChildren(table);
  if (focused) box.querySelector(`[data-cell="${focused}"]`)?.focus();
}
