// Which rows are shown: those that pass every filter and the search, in the order that was asked for.
const filters = index.filters.map(({name, values}) => ({
  name, values, codes: null, chosen: new Set(), counts: new Int32Array(values.length),
}));
let lengths = null, hits = null, view = new Uint32Array(0);

async function readFilters() {
  const numbers = await Promise.all(filters.map((_, i) => held(`codes-${i}`)));
  filters.forEach((one, i) => { one.codes = new Uint16Array(numbers[i]); });
  lengths = new Uint32Array(await held("lengths"));
}

// Beside each value stands how many rows it would show: those that pass all filters but its own.
function choose(order) {
  const active = filters.filter((one) => one.chosen.size);
  for (const one of filters) {
    one.counts.fill(0);
    one.passes = Uint8Array.from(one.values, (_, code) => Number(one.chosen.has(code)));
  }
  const found = new Uint32Array(index.rows);
  let rows = 0;
  for (let row = 0; row < index.rows; row++) {
    if (hits && !hits[row]) continue;
    let misses = 0, missed = null;
    for (const one of active) {
      if (!one.passes[one.codes[row]]) { missed = one; if (++misses > 1) break; }
    }
    if (misses === 0) {
      found[rows++] = row;
      for (const one of filters) one.counts[one.codes[row]]++;
    } else if (misses === 1) missed.counts[missed.codes[row]]++;
  }
  view = found.subarray(0, rows);
  const mixed = (row) => Math.imul(row + 1, 0x9e3779b1) >>> 0;
  if (order === "longest") view.sort((a, b) => lengths[b] - lengths[a] || a - b);
  if (order === "shortest") view.sort((a, b) => lengths[a] - lengths[b] || a - b);
  if (order === "mixed") view.sort((a, b) => mixed(a) - mixed(b));
}

const shownValue = (value) => value === null ? "none" : value === "" ? "empty" : value;

// The values of a filter as they are listed: numbers by size, all else by how many rows hold them.
function listed(one) {
  const codes = one.values.map((_, code) => code).filter((code) => one.counts[code] || one.chosen.has(code));
  const numeric = codes.every((code) => one.values[code] === null || (one.values[code] && !isNaN(one.values[code])));
  return codes.sort((a, b) => numeric ? Number(one.values[a]) - Number(one.values[b]) : one.counts[b] - one.counts[a]);
}

function fillMenu(menu, one, changed) {
  const list = node("div", {class: "values", role: "group", "aria-label": one.name});
  for (const code of listed(one)) {
    const tick = node("input", {type: "checkbox"});
    tick.checked = one.chosen.has(code);
    tick.addEventListener("change", () => {
      if (tick.checked) one.chosen.add(code); else one.chosen.delete(code);
      changed();
    });
    list.append(node("label", {}, tick, node("span", {class: "grow"}, shownValue(one.values[code])),
      node("span", {class: "number dim"}, count(one.counts[code]))));
  }
  menu.querySelector(".values")?.remove();
  menu.append(list);
}

function drawMenu(menu, one) {
  const names = [...one.chosen].map((code) => shownValue(one.values[code]));
  menu.firstChild.textContent = names.length ? `${one.name}: ${names.join(", ")}` : one.name;
  menu.classList.toggle("chosen", names.length > 0);
  // The numbers of an open menu change under the reader's hand; its boxes stay where they are.
  const open = menu.querySelector(".values");
  if (menu.open && open) {
    const codes = listed(one);
    if (codes.length === open.children.length && !codes.some((code, i) => open.children[i].children[1].textContent !== shownValue(one.values[code]))) {
      codes.forEach((code, i) => {
        open.children[i].firstChild.checked = one.chosen.has(code);
        open.children[i].lastChild.textContent = count(one.counts[code]);
      });
    }
  }
}
