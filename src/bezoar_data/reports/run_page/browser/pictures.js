// Pictures of a run are drawn when they come into sight; a press on a label chooses its rows.

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

pressed = chooseBy;

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
}
