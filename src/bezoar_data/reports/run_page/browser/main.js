// The parts put together.
const searchBox = document.getElementById("search"), orderBox = document.getElementById("order");
const clear = document.getElementById("clear"), found = document.getElementById("found");
const fates = document.getElementById("fates"), menus = [];

function changed() {
  choose(orderBox.value);
  current = 0;
  box.scrollTop = 0;
  draw();
  menus.forEach(([menu, one]) => drawMenu(menu, one));
  for (const press of fates.children) {
    const code = press.dataset.code === "" ? null : Number(press.dataset.code);
    const chosen = code === null ? fateFilter.chosen.size === 0 : fateFilter.chosen.has(code);
    press.setAttribute("aria-pressed", chosen);
    const rows = code === null ? fateFilter.counts.reduce((a, b) => a + b, 0) : fateFilter.counts[code];
    press.lastChild.textContent = ` ${count(rows)}`;
  }
  found.textContent = view.length === index.rows ? `${count(index.rows)} rows` : `${count(view.length)} of ${count(index.rows)} rows`;
  clear.hidden = !hits && filters.every((one) => !one.chosen.size);
}

function makeFates() {
  const codes = ["kept", "dropped"].map((name) => fateFilter.values.indexOf(name)).filter((code) => code > 0);
  for (const code of [null, ...codes]) {
    const press = node("button", {type: "button", "data-code": code ?? ""}, code === null ? "all" : fateFilter.values[code], node("span", {class: "dim"}));
    press.addEventListener("click", () => {
      fateFilter.chosen = new Set(code === null ? [] : [code]);
      changed();
    });
    fates.append(press);
  }
}

function makeMenus() {
  const place = document.getElementById("filters");
  for (const one of filters) {
    if (one === fateFilter) continue;
    const menu = node("details", {name: "filters"}, node("summary", {}, one.name));
    menu.addEventListener("toggle", () => { if (menu.open) fillMenu(menu, one, changed); });
    menus.push([menu, one]);
    place.append(menu);
  }
  const menu = node("details", {name: "filters"}, node("summary", {}, "columns"));
  const list = node("div", {class: "values", role: "group", "aria-label": "columns"});
  for (const name of index.columns) {
    const tick = node("input", {type: "checkbox"});
    tick.checked = shown.has(name);
    tick.addEventListener("change", () => {
      if (tick.checked) shown.add(name); else shown.delete(name);
      height = 0;
      drawHead();
      draw();
    });
    list.append(node("label", {}, tick, node("span", {class: "grow"}, name)));
  }
  menu.append(list);
  place.append(menu);
  place.addEventListener("keydown", (event) => {
    const open = place.querySelector("details[open]");
    if (event.key === "Escape" && open) { open.open = false; open.firstChild.focus(); }
  });
  document.addEventListener("click", (event) => {
    const open = place.querySelector("details[open]");
    if (open && !open.contains(event.target)) open.open = false;
  });
}

let turn = 0, typing = 0;
async function searched() {
  const mine = ++turn, words = searchBox.value;
  if (!words) hits = null;
  else {
    const rows = await search(words, () => mine !== turn, (part) => {
      found.textContent = `searching, ${Math.round(part * 100)} %`;
    });
    if (mine !== turn || rows === null) return;
    hits = rows;
  }
  changed();
}
searchBox.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(searched, 120); });
orderBox.addEventListener("change", changed);
clear.addEventListener("click", () => {
  turn++;
  hits = null;
  searchBox.value = "";
  for (const one of filters) one.chosen.clear();
  changed();
  searchBox.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !dialog.open && !event.target.matches("input, select")) { searchBox.focus(); event.preventDefault(); }
});
addEventListener("resize", () => { height = 0; redraw(); });
addEventListener("beforeprint", () => draw(200));
addEventListener("afterprint", () => draw());

readFilters().then(async () => {
  makeFates();
  makeMenus();
  drawHead();
  if (index.blocks.length) await block(0);
  changed();
  performance.mark("rows");
  watchPictures();
  document.body.dataset.ready = "";
});
