// One row, whole: its columns, where it came from, and what each step asked, was answered and decided.
const dialog = document.getElementById("row"), toldOf = document.getElementById("told");
const LONG = 4000;
let opened = -1;

function longText(said) {
  const pre = node("pre", {dir: "auto"}, said.slice(0, LONG));
  if (said.length <= LONG) return pre;
  const more = node("button", {type: "button"}, `\u2026 all ${count(said.length)} characters`);
  more.addEventListener("click", () => { pre.textContent = said; more.remove(); });
  return node("div", {}, pre, more);
}

// A conversation as its turns, if that is what the text is.
function turnsOf(said) {
  if (!said.startsWith('[{"') || said.length > 200000) return null;
  try {
    const turns = JSON.parse(said);
    return turns.every((turn) => typeof turn.role === "string" && typeof turn.content === "string") ? turns : null;
  } catch { return null; }
}

function valueNode(said) {
  const turns = turnsOf(said);
  if (!turns) return longText(said);
  return node("dl", {}, ...turns.flatMap((turn) => [node("dt", {}, turn.role), node("dd", {}, longText(turn.content))]));
}

// A text of the story, in which a number stands for the value of a column.
const written = (said, names, fields) =>
  [].concat(said).map((part) => typeof part === "number" ? fields.get(names[part]) ?? "" : part).join("");

function figures(one) {
  const said = [];
  if (one.tokens) said.push(`${count(one.tokens[0] ?? 0)} + ${count(one.tokens[1])} tokens`);
  if (one.cost !== undefined) said.push(one.cost ? `$${one.cost.toPrecision(3)}` : "no cost");
  if (one.seconds !== undefined) said.push(`${one.seconds} s`);
  return said;
}

const labelled = (label, said) => [node("div", {class: "label"}, label), longText(said)];

function askedNode(one, names, fields) {
  const made = node("div", {class: "asked"}), head = [one.field, one.model, ...figures(one)].filter((said) => said);
  made.append(node("p", {class: "dim"}, head.join(" \u00b7 ")));
  if (one.known === "missing") made.append(node("p", {class: "dim"}, "no journal at hand holds this answer"));
  if (one.known === "redacted") made.append(node("p", {class: "dim"}, "what was said was taken out of the journal"));
  if (one.messages) {
    const asked = one.messages.flatMap(([role, said]) => labelled(role, written(said, names, fields)));
    made.append(node("details", {}, node("summary", {}, "what was asked"), ...asked));
  }
  if (one.thinking) made.append(node("details", {}, node("summary", {}, "thinking"), longText(written(one.thinking, names, fields))));
  if (one.answer !== undefined) made.append(...labelled("answered", written(one.answer, names, fields)));
  if (one.error) made.append(node("p", {class: "bad"}, one.error));
  return made;
}

function stepNode(step, names, fields) {
  const made = node("section", {}, node("h4", {}, step.step, " ", node("span", {class: step.ends === "dropped" ? "bad" : "dim"}, step.ends)));
  for (const one of step.asked ?? []) made.append(askedNode(one, names, fields));
  const said = (parts) => parts.filter((part) => part).join(": ");
  if (step.reason) made.append(node("p", {class: "bad"}, said([step.reason, step.detail])));
  for (const [kind, reason, detail] of step.found ?? []) made.append(node("p", {class: "dim"}, `${kind}: ${said([reason, detail])}`));
  return made;
}

// Rows it was made from: a press opens one, if it is in this page.
function kinNode(label, ids) {
  const made = node("p", {}, `${label}: `);
  for (const id of ids) {
    const press = node("button", {type: "button", class: "id"}, id.slice(0, ID_LETTERS));
    press.addEventListener("click", async () => {
      const short = id.slice(0, ID_LETTERS), rows = await search(short, () => false, () => {});
      const row = rows.findIndex((hit, i) => hit && fieldsOf(i).get(ID) === short);
      if (row >= 0) openRow(row);
      else { press.disabled = true; press.textContent = `${id.slice(0, ID_LETTERS)} (not in this page)`; }
    });
    made.append(press, " ");
  }
  return made;
}

async function openRow(row) {
  opened = row;
  const number = blockOf(row), {names} = await block(number), fields = fieldsOf(row);
  if (opened !== row) return;
  const title = document.getElementById("row-title");
  title.replaceChildren(`Row ${count(row + 1)} `, fateOf(row));
  const parts = [];
  if (fields.has(DETAIL)) parts.push(node("p", {class: "bad"}, fields.get(DETAIL)));
  if (fields.has(RAW)) parts.push(node("div", {class: "label"}, "what the model said"), longText(fields.get(RAW)));
  const list = node("dl", {class: "columns"});
  for (const [name, said] of fields) if (!name.startsWith(" ")) list.append(node("dt", {}, name), node("dd", {}, valueNode(said)));
  const story = node("div", {id: "story"}, node("h3", {}, "Its story"));
  toldOf.replaceChildren(...parts, list, story);
  if (!dialog.open) dialog.showModal();
  toldOf.scrollTop = 0;
  const place = view.indexOf(row);
  document.getElementById("back").disabled = place <= 0;
  document.getElementById("on").disabled = place < 0 || place >= view.length - 1;
  title.focus();
  try {
    const its = await storyOf(row);
    if (opened === row) story.append(...storyNodes(its, names, fields));
  } catch (error) {
    story.append(node("p", {class: "bad"}, error.message));
  }
}

function storyNodes(its, names, fields) {
  const made = [], sum = figures(its);
  made.push(node("p", {class: "dim"}, `id ${its.id}`));
  if (its.from) made.push(node("p", {}, `from ${its.from.join(", ")}`));
  if (its.seeds) made.push(kinNode("seeds", its.seeds));
  if (its.parents) made.push(kinNode("made from", its.parents));
  if (sum.length) made.push(node("p", {class: "dim"}, `all its answers: ${sum.join(" \u00b7 ")}`));
  made.push(...(its.steps ?? []).map((step) => stepNode(step, names, fields)));
  return made;
}

function step(by) {
  const place = view.indexOf(opened) + by;
  if (place < 0 || place >= view.length) return;
  moveTo(place);
  openRow(view[place]);
}
document.getElementById("back").addEventListener("click", () => step(-1));
document.getElementById("on").addEventListener("click", () => step(1));
document.getElementById("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
dialog.addEventListener("close", () => { opened = -1; box.focus({preventScroll: true}); });
