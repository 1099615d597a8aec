"use strict";
// Reading what is packed in the page, and making nodes: foreign text enters them as text, never as markup.

// What stands behind this script is read by the browser while the first rows are drawn already.
const early = new Set([...document.scripts].map((one) => one.id));
const whole = new Promise((resolve) => {
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", resolve); else resolve();
});

// Letters hold seven bits each. Those that no page can hold are a letter together with the seven bits behind them.
const AWAY = [0, 13, 60];

function bytesOf(letters) {
  const bytes = new Uint8Array(letters.length * 2);
  let held = 0, bits = 0, size = 0;
  const take = (seven) => {
    held = (held << 7 | seven) & 0x7fff;
    bits += 7;
    if (bits >= 8) { bits -= 8; bytes[size++] = held >> bits; }
  };
  for (let i = 0; i < letters.length; i++) {
    const letter = letters.charCodeAt(i);
    if (letter < 128) take(letter);
    else if (letter < 512) { take(AWAY[(letter >> 7) - 1]); take(letter & 127); }
    else take(AWAY[letter & 127]);
  }
  return bytes.subarray(0, size);
}

function unpack(letters) {
  const stream = new Blob([bytesOf(letters)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

async function lettersOf(name) {
  if (!early.has(name)) await whole;
  return document.getElementById(name).textContent;
}

const held = (name) => lettersOf(name).then(unpack);
const textOf = (buffer) => new TextDecoder().decode(buffer);

function node(name, attributes = {}, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...content);
  return made;
}
const count = (number) => number.toLocaleString("en");
