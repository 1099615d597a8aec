"use strict";
// Reading what is packed in the page, and making nodes: foreign text enters them as text, never as markup.

// What stands behind this script is read by the browser while the first rows are drawn already.
const early = new Set([...document.scripts].map((one) => one.id));
const whole = new Promise((resolve) => {
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", resolve); else resolve();
});

// A letter is a byte; browsers read a page of Latin-1 as windows-1252, which has other letters for 32 of them. Bytes that
// no page can hold stand behind a mark, raised by 64.
const MARK = 61;
const other = new Map([...new TextDecoder("windows-1252").decode(Uint8Array.from({length: 32}, (_, i) => 128 + i))]
  .map((letter, i) => [letter.charCodeAt(0), 128 + i]));

function bytesOf(letters) {
  const bytes = new Uint8Array(letters.length);
  let size = 0;
  for (let i = 0; i < letters.length; i++) {
    const letter = letters.charCodeAt(i);
    if (letter === MARK) bytes[size++] = letters.charCodeAt(++i) - 64;
    else bytes[size++] = letter < 256 ? letter : other.get(letter);
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
