// Pictures of the tables that stand under them. A page says when each is drawn, and what a press on a label does.
const pictures = JSON.parse(document.getElementById("pictures").textContent);
const drawn = new Map();
let library = null, pressed = () => {};

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
    series: dark ? ["#7fb2f0", "#f0a97f", "#6cc98b", "#c3a3e8", "#f08a80", "#6fc7cf", "#d1bd86", "#a9b4bf"]
      : ["#1f5fa8", "#c2571a", "#17703a", "#7a4fa3", "#a8281e", "#0f7d85", "#6b5a2a", "#5b6672"],
    faint: dark ? "#20364f" : "#e3ecf7",
  };
}

const short = (said, most = 34) => said.length > most ? `${said.slice(0, most - 1)}\u2026` : said;

function optionOf(picture, paper, width) {
  const hue = palette(paper), text = {color: hue.text, fontFamily: "system-ui, sans-serif"};
  const common = {
    animation: false, color: hue.series, textStyle: text,
    tooltip: hint(hue, text),
  };
  return {...common, ...{bars, flow, grid, lines, ranges}[picture.kind](picture, hue, text, width)};
}

// No markup: what stands in it may be anybody's.
const hint = (hue, text) => ({renderMode: "richText", confine: true, backgroundColor: hue.paper, borderColor: hue.line, textStyle: text});

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
    tooltip: {...hint(hue, text), trigger: "axis", axisPointer: {type: "shadow"}},
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

function lines(picture, hue, text) {
  const few = picture.rows.length < 60;
  const series = picture.head.slice(1).map((name, i) => ({
    name, type: "line", showSymbol: few || i > 0, symbolSize: 5, lineStyle: {width: 1.8, type: i ? "dashed" : "solid"},
    data: picture.rows.filter((row) => row[i + 1] !== null).map((row) => [row[0], row[i + 1]]),
  }));
  return {
    series, legend: series.length > 1 ? {top: 0, textStyle: text} : undefined,
    xAxis: axis("value", hue, text, {name: picture.head[0], nameLocation: "middle", nameGap: 24, minInterval: 1, ...picture.rows.length > 1 ? {min: "dataMin", max: "dataMax"} : {}}),
    yAxis: axis("value", hue, text, {scale: true}),
    grid: {left: 8, right: 24, top: series.length > 1 ? 34 : 16, bottom: 34, outerBoundsMode: "same", outerBoundsContain: "axisLabel"},
    tooltip: {...hint(hue, text), trigger: "axis"},
  };
}

// Figures with their intervals: in each line one below the other, a colour for each of the second labels.
function ranges(picture, hue, text) {
  const labels = unique(picture, 0), names = unique(picture, 1);
  const series = names.map((name, i) => ({
    name, type: "custom", encode: {x: [1, 2, 3], y: 0}, itemStyle: {color: hue.series[i % hue.series.length]},
    data: picture.rows.filter((row) => String(row[1]) === name && row[2] !== null)
      .map(([label, , value, low, high]) => [String(label), value, low ?? value, high ?? value]),
    renderItem: (_, api) => {
      const [x, middle] = api.coord([api.value(1), api.value(0)]), color = api.visual("color");
      const y = middle + (i - (names.length - 1) / 2) / (names.length + 1) * api.size([0, 1])[1];
      const [from, to] = [2, 3].map((end) => api.coord([api.value(end), api.value(0)])[0]);
      return {type: "group", children: [
        {type: "line", shape: {x1: from, y1: y, x2: to, y2: y}, style: {stroke: color, lineWidth: 2}},
        {type: "circle", shape: {cx: x, cy: y, r: 4}, style: {fill: color}},
      ]};
    },
  }));
  const byName = axis("category", hue, text, {data: labels, inverse: true, axisTick: {show: false}});
  byName.axisLabel = {color: hue.text, formatter: (label) => short(label, innerWidth < 600 ? 14 : 40)};
  const said = ({seriesName, value: [label, value, low, high]}) => `${label}, ${seriesName}\n${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
  return {
    series, legend: {top: 0, type: "scroll", textStyle: text, pageTextStyle: text}, yAxis: byName,
    xAxis: axis("value", hue, text, {scale: true}),
    grid: {left: 8, right: 16, top: 34, bottom: 8, outerBoundsMode: "same", outerBoundsContain: "axisLabel"},
    tooltip: {...hint(hue, text), formatter: said},
  };
}

const unique = (picture, place) => [...new Set(picture.rows.map((row) => String(row[place])))];

// How much of the page's height a picture takes, in lines of text.
function linesOf(picture) {
  if (picture.kind === "lines") return 5;
  if (picture.kind === "ranges") return 1 + unique(picture, 0).length * (.4 + unique(picture, 1).length * .4);
  return picture.kind === "flow" ? unique(picture, 1).length : picture.rows.length;
}

async function drawPicture(place, number) {
  const echarts = await charts(), picture = pictures[number];
  place.style.height = `${Math.max(200, Math.min(640, 90 + linesOf(picture) * 34))}px`;
  const chart = echarts.init(place, null, {renderer: "canvas"});
  chart.setOption(optionOf(picture, false, chart.getWidth()));
  chart.on("click", (event) => pressed(picture, event.name));
  drawn.set(place, [chart, picture]);
}

function drawAgain(paper = false) {
  for (const [chart, picture] of drawn.values()) {
    chart.resize();
    chart.setOption(optionOf(picture, paper, chart.getWidth()), true);
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAgain());
addEventListener("resize", () => drawAgain());
addEventListener("beforeprint", () => drawAgain(true));
addEventListener("afterprint", () => drawAgain());
