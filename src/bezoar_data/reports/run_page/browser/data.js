// The rows that are packed in the page.
const index = JSON.parse(document.getElementById("index").textContent);
const ROW = "\x1e", FIELD = "\x1f", NOTHING = "\x1d";
const ID_LETTERS = 12;  // of a row's id, among its fields
const ID = " id", DETAIL = " detail", RAW = " raw";
const starts = [0];
for (const rows of index.blocks) starts.push(starts.at(-1) + rows);

// The words that the page's texts are made of, the most frequent first: their bytes, and where each begins and ends.
const words = held("words").then((buffer) => {
  const bytes = new Uint8Array(buffer), from = [], to = [];
  for (let start = 0; start < bytes.length; start = to.at(-1) + 1) {
    from.push(start);
    to.push(bytes.indexOf(0, start));
  }
  return {bytes, from: Uint32Array.from(from), to: Uint32Array.from(to)};
});

// A word is one byte below 160, two bytes of which the first is below 248, or three.
const ONE = 160, TWO = 248;

async function textOfWords(letters) {
  const [buffer, {bytes, from, to}] = await Promise.all([unpack(letters), words]);
  const coded = new Uint8Array(buffer), places = new Uint32Array(coded.length);
  let count = 0, size = 0;
  for (let i = 0; i < coded.length; count++) {
    let place = coded[i++];
    if (place >= TWO) place = ONE + (TWO - ONE) * 256 + ((place - TWO) << 16 | coded[i++] << 8 | coded[i++]);
    else if (place >= ONE) place = ONE + ((place - ONE) << 8 | coded[i++]);
    places[count] = place;
    size += to[place] - from[place];
  }
  const said = new Uint8Array(size);
  size = 0;
  for (let i = 0; i < count; i++) {
    for (let at = from[places[i]], end = to[places[i]]; at < end; at++) said[size++] = bytes[at];
  }
  return textOf(said);
}

// A block of rows, unpacked once: `ready` holds those that a drawing may use without waiting.
const asked = new Map(), ready = new Map();

function block(number) {
  if (!asked.has(number)) {
    asked.set(number, lettersOf(`rows-${number}`).then(textOfWords).then((text) => {
      const lines = text.split(ROW), names = lines.shift().split(FIELD);
      const one = {names, lines, text, low: null, ends: null};
      ready.set(number, one);
      return one;
    }));
  }
  return asked.get(number);
}

function blockOf(row) {
  let low = 0, high = index.blocks.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= row) low = middle; else high = middle - 1;
  }
  return low;
}

// A row's fields by name; null while its block is not there yet.
function fieldsOf(row) {
  const number = blockOf(row), one = ready.get(number);
  if (!one) return null;
  const said = one.lines[row - starts[number]].split(FIELD), fields = new Map();
  one.names.forEach((name, i) => { if (said[i] !== NOTHING) fields.set(name, said[i]); });
  return fields;
}

// Which rows hold the words, whatever their case: 1 for each that does; null where another search took over.
async function search(words, isStale, progress) {
  const found = new Uint8Array(index.rows), ahead = 4;
  const wanted = /^[0-9a-f]{32}$/.test(words) ? words.slice(0, ID_LETTERS) : words.toLowerCase();
  for (let number = 0; number < index.blocks.length; number++) {
    for (let next = number; next <= Math.min(number + ahead, index.blocks.length - 1); next++) block(next);
    if (!ready.has(number)) {
      await block(number);
      if (isStale()) return null;
      progress(number / index.blocks.length);
    }
    mark(ready.get(number), wanted, found, starts[number]);
  }
  return found;
}

function mark(one, wanted, found, start) {
  if (one.low === null) {
    one.low = one.text.toLowerCase();
    one.ends = [];
    for (let at = one.low.indexOf(ROW); at >= 0; at = one.low.indexOf(ROW, at + 1)) one.ends.push(at);
    one.ends.push(one.low.length);
  }
  // The first end is that of the names.
  let row = 0, at = one.low.indexOf(wanted, one.ends[0]);
  while (at >= 0) {
    while (one.ends[row + 1] <= at) row++;
    found[start + row] = 1;
    at = one.low.indexOf(wanted, one.ends[row + 1]);
  }
}

// Stories of a block: in the page, or in a file of the folder beside it, which calls `told`.
const stories = new Map(), waiting = new Map();

function told(number, letters) {
  waiting.get(number)?.(letters);
}

function packedStories(number) {
  if (!index.stories) return lettersOf(`stories-${number}`);
  return new Promise((resolve, reject) => {
    waiting.set(number, resolve);
    const script = document.createElement("script");
    script.src = `${index.stories}/${String(number).padStart(5, "0")}.js`;
    script.onerror = () => reject(new Error(`its story lies in the folder ${index.stories}, which is not beside this page`));
    document.head.append(script);
  });
}

async function storyOf(row) {
  const number = blockOf(row);
  if (!stories.has(number)) stories.set(number, packedStories(number).then(textOfWords).then((text) => text.split(ROW)));
  return JSON.parse((await stories.get(number))[row - starts[number]]);
}
