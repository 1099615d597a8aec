// The table: only the rows in sight are drawn, so that it is as quick for a hundred thousand as for ten.
const box = document.getElementById("box");
const head = box.querySelector("thead"), body = box.querySelector("tbody");
const shown = new Set(index.shown);
let current = 0, height = 0;
const AROUND = 6;

const fateFilter = filters.find((one) => one.name === "fate");
const valueIn = (name, row) => {
  const one = filters.find((filter) => filter.name === name);
  return one ? one.values[one.codes[row]] : null;
};
const isDropped = (row) => fateFilter.values[fateFilter.codes[row]] === "dropped";

function fateOf(row) {
  if (!isDropped(row)) return node("span", {class: "good"}, "kept");
  const said = [valueIn("dropped by", row), valueIn("reason", row)].filter((one) => one);
  return node("span", {class: "bad"}, said.length ? `dropped: ${said.join(", ")}` : "dropped");
}

function drawHead() {
  const names = ["row", "fate", ...index.columns.filter((name) => shown.has(name))];
  head.replaceChildren(node("tr", {role: "row", "aria-rowindex": "1"},
    ...names.map((name) => node("th", {role: "columnheader", class: filters.some((one) => one.name === name) ? "few" : ""}, name))));
  box.setAttribute("aria-colcount", names.length);
  box.style.setProperty("--columns", String(names.length));
}

function line(place) {
  const row = view[place], fields = fieldsOf(row);
  const made = node("tr", {role: "row", id: `row-${row}`, "aria-rowindex": place + 2, "aria-selected": place === current});
  made.append(node("td", {role: "gridcell", class: "number"}, count(row + 1)), node("td", {role: "gridcell"}, fateOf(row)));
  for (const name of index.columns) {
    if (!shown.has(name)) continue;
    const said = fields ? fields.get(name) ?? "" : "\u2026";
    made.append(node("td", {role: "gridcell", "data-name": name}, node("div", {dir: "auto"}, said.slice(0, 400))));
  }
  made.addEventListener("click", () => { current = place; draw(); openRow(row); });
  return made;
}

function space(pixels) {
  const cell = node("td");
  cell.style.height = `${pixels}px`;
  return node("tr", {class: "space", role: "presentation", "aria-hidden": "true"}, cell);
}

// Draws the rows in sight; `most` for paper, which has no window to scroll.
function draw(most = 0) {
  const visible = most || Math.ceil(box.clientHeight / (height || 60)) + 1;
  const top = most || !height ? 0 : Math.floor(box.scrollTop / height);
  const first = Math.max(0, Math.min(top - AROUND, view.length - visible));
  const last = Math.min(view.length, top + visible + AROUND);
  const lines = [];
  for (let place = first; place < last; place++) lines.push(line(place));
  body.replaceChildren(space(first * height), ...lines, space(most ? 0 : (view.length - last) * height));
  if (!height && lines.length) {
    height = lines[0].getBoundingClientRect().height;
    return draw(most);
  }
  box.setAttribute("aria-rowcount", view.length + 1);
  const there = view.length && current >= first && current < last;
  if (there) box.setAttribute("aria-activedescendant", `row-${view[current]}`);
  else box.removeAttribute("aria-activedescendant");
  const missing = new Set();
  for (let place = first; place < last; place++) if (!ready.has(blockOf(view[place]))) missing.add(blockOf(view[place]));
  for (const number of missing) block(number).then(redraw);
}

let drawing = false;
function redraw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => { drawing = false; draw(); });
}

function moveTo(place) {
  current = Math.max(0, Math.min(place, view.length - 1));
  const top = current * height, room = box.clientHeight - head.offsetHeight;
  if (top < box.scrollTop) box.scrollTop = top;
  if (top + height > box.scrollTop + room) box.scrollTop = top + height - room;
  draw();
}

box.addEventListener("scroll", redraw, {passive: true});
box.addEventListener("keydown", (event) => {
  const page = Math.max(1, Math.floor(box.clientHeight / (height || 60)) - 1);
  const to = {
    ArrowDown: current + 1, ArrowUp: current - 1, PageDown: current + page, PageUp: current - page,
    Home: 0, End: view.length - 1,
  }[event.key];
  if (to !== undefined) moveTo(to);
  else if ((event.key === "Enter" || event.key === " ") && view.length) openRow(view[current]);
  else return;
  event.preventDefault();
});
