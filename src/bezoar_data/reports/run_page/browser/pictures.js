// Pictures, drawn when they come into sight, of the tables that stand under them.
const pictures = JSON.parse(document.getElementById("pictures").textContent);
const drawn = new Map();
let library = null;

// The library lies packed in the page and runs once a picture is looked at; the page's policy names it by its hash.
function charts() {
  library ??= held("charts").then((buffer) => {
    const script = node("script");
    script.textContent = textOf(buffer);
    document.head.append(script);
    return window.echarts;
  });
  return library;
}

function palette(paper) {
  const style = getComputedStyle(document.body), of = (name) => style.getPropertyValue(name).trim();
  const dark = !paper && matchMedia("(prefers-color-scheme: dark)").matches;
  return {
    text: paper ? "#1b2026" : style.color, line: paper ? "#d5d9de" : of("--line"), paper: paper ? "white" : of("--paper"),
    good: paper ? "#17703a" : of("--good"), bad: paper ? "#a8281e" : of("--bad"),
    series: dark ? ["#7fb2f0", "#f0a97f", "#6cc98b", "#c3a3e8"] : ["#1f5fa8", "#c2571a", "#17703a", "#7a4fa3"],
    faint: dark ? "#20364f" : "#e3ecf7",
  };
}

const short = (said, most = 34) => said.length > most ? `${said.slice(0, most - 1)}…` : said;

function optionOf(picture, paper, width) {
  const hue = palette(paper), text = {color: hue.text, fontFamily: "system-ui, sans-serif"};
  const common = {
    animation: false, color: hue.series, textStyle: text,
    tooltip: {renderMode: "richText", confine: true, backgroundColor: hue.paper, borderColor: hue.line, textStyle: text},
  };
  return {...common, ...{bars, flow, grid}[picture.kind](picture, hue, text, width)};
}

function axis(kind, hue, text, more) {
  return {type: kind, axisLabel: {color: hue.text, hideOverlap: true}, axisLine: {lineStyle: {color: hue.line}},
    splitLine: {show: kind === "value", lineStyle: {color: hue.line}}, nameTextStyle: text, ...more};
}

function bars(picture, hue, text) {
  const labels = picture.rows.map((row) => String(row[0])), lying = labels.some((label) => label.length > 14);
  const values = axis("value", hue, text, {name: lying ? "" : picture.head.length === 2 ? picture.head[1] : "", minInterval: picture.rows.every((row) => row.slice(1).every(Number.isInteger)) ? 1 : 0});
  const names = axis("category", hue, text, {data: labels, inverse: lying, axisTick: {show: false}});
  if (lying) names.axisLabel = {color: hue.text, formatter: (label) => short(label, innerWidth < 600 ? 18 : 40)};
  const series = picture.head.slice(1).map((name, i) => ({
    name, type: "bar", barMaxWidth: 28, stack: picture.stacked ? "all" : undefined, data: picture.rows.map((row) => row[i + 1] ?? 0),
  }));
  return {
    legend: series.length > 1 ? {top: 0, textStyle: text} : undefined, series, xAxis: lying ? values : names, yAxis: lying ? names : values,
    grid: {left: 8, right: 16, top: series.length > 1 ? 34 : 24, bottom: 8, outerBoundsMode: "same", outerBoundsContain: "axisLabel"},
    tooltip: {renderMode: "richText", confine: true, trigger: "axis", axisPointer: {type: "shadow"}, backgroundColor: hue.paper, borderColor: hue.line, textStyle: text},
  };
}

// How many nodes follow each other at most: there is room for so wide a label.
function longestWay(links) {
  const after = new Map();
  for (const {source, target} of links) after.set(source, [...after.get(source) ?? [], target]);
  const way = (name) => 1 + Math.max(0, ...(after.get(name) ?? []).map(way));
  return Math.max(1, ...links.map((link) => way(link.source)));
}

function flow(picture, hue, text, width) {
  const links = picture.rows.filter((row) => row[2] > 0).map(([source, target, value]) => ({source, target, value}));
  const from = new Set(links.map((link) => link.source)), names = new Set(links.flatMap((link) => [link.source, link.target]));
  const colour = (name) => from.has(name) ? hue.series[0] : name === "kept" || !picture.chooses ? hue.good : hue.bad;
  const room = width / (longestWay(links) + .4) - 24, lying = room > 70;
  const label = {...text, overflow: "break", lineHeight: 15, ...lying ? {width: room} : {width: width / 2, position: "insideLeft", color: hue.paper}};
  return {series: [{
    type: "sankey", orient: lying ? "horizontal" : "vertical", left: 4, right: lying ? room + 20 : 4, top: 8, bottom: lying ? 8 : 24,
    nodeGap: 14, nodeWidth: lying ? 12 : 18, draggable: false, links, lineStyle: {color: "source", opacity: .25},
    data: [...names].map((name) => ({name, itemStyle: {color: colour(name)}, label})),
  }]};
}

function grid(picture, hue, text) {
  const [mine, theirs] = picture.head, labels = [...new Set(picture.rows.map((row) => String(row[0])))];
  const most = Math.max(1, ...picture.rows.map((row) => row[2]));
  return {
    xAxis: axis("category", hue, text, {data: labels, name: theirs, nameLocation: "middle", nameGap: 26, splitLine: {show: false}}),
    yAxis: axis("category", hue, text, {data: labels, name: mine, inverse: true, splitLine: {show: false}}),
    visualMap: {show: false, min: 0, max: most, inRange: {color: [hue.faint, hue.series[0]]}},
    grid: {left: 8, right: 16, top: 30, bottom: 36, outerBoundsMode: "same", outerBoundsContain: "axisLabel"},
    series: [{type: "heatmap", data: picture.rows.map(([y, x, value]) => ({
      value: [String(x), String(y), value], label: {show: true, color: value > most / 2 ? hue.paper : hue.text},
    }))}],
  };
}

// Chooses the rows that a picture's label stands for; whether there are any.
function chooseBy(picture, label) {
  const filter = filters.find((one) => one.name === picture.chooses);
  const reason = picture.kind === "flow" && label.includes(": ") ? label.slice(label.indexOf(": ") + 2) : label;
  const code = filter ? filter.values.indexOf(reason) : -1;
  if (code < 0) return false;
  for (const one of filters) one.chosen.clear();
  filter.chosen.add(code);
  if (picture.kind === "flow") {
    const by = filters.find((one) => one.name === "dropped by"), step = by ? by.values.indexOf(label.slice(0, label.indexOf(": "))) : -1;
    if (step > 0) by.chosen.add(step);
  }
  changed();
  document.getElementById("rows").scrollIntoView();
  box.focus({preventScroll: true});
  return true;
}

async function drawPicture(place, number) {
  const echarts = await charts(), picture = pictures[number];
  const lines = picture.kind === "flow" ? new Set(picture.rows.map((row) => row[1])).size : picture.rows.length;
  place.style.height = `${Math.max(200, Math.min(640, 90 + lines * 34))}px`;
  const chart = echarts.init(place, null, {renderer: "canvas"});
  chart.setOption(optionOf(picture, false, chart.getWidth()));
  chart.on("click", (event) => chooseBy(picture, event.name));
  drawn.set(place, [chart, picture]);
}

function drawAgain(paper = false) {
  for (const [chart, picture] of drawn.values()) {
    chart.resize();
    chart.setOption(optionOf(picture, paper, chart.getWidth()), true);
  }
}

function watchPictures() {
  const seen = new IntersectionObserver((entries) => {
    for (const {target, isIntersecting} of entries) {
      if (!isIntersecting || drawn.has(target)) continue;
      seen.unobserve(target);
      drawPicture(target, Number(target.dataset.picture));
    }
  }, {rootMargin: "200px"});
  for (const place of document.querySelectorAll("[data-picture]")) {
    seen.observe(place);
    // By keyboard, rows are chosen from the table under the picture.
    const picture = pictures[Number(place.dataset.picture)], labels = picture.kind === "flow" ? 1 : 0;
    if (!picture.chooses) continue;
    for (const line of place.parentElement.querySelectorAll("tbody tr")) {
      const cell = line.children[labels], label = cell.textContent;
      const filter = filters.find((one) => one.name === picture.chooses);
      if (!filter || !filter.values.some((value) => value !== null && label.endsWith(value))) continue;
      const press = node("button", {type: "button"}, label);
      press.addEventListener("click", () => chooseBy(picture, label));
      cell.replaceChildren(press);
    }
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAgain());
}
addEventListener("resize", () => drawAgain());
addEventListener("beforeprint", () => drawAgain(true));
addEventListener("afterprint", () => drawAgain());
