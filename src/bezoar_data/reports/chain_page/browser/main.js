// All pictures are drawn at once: there are few of them, and what is printed is the whole page.
(async () => {
  for (const place of document.querySelectorAll("[data-picture]")) await drawPicture(place, Number(place.dataset.picture));
  document.body.dataset.ready = "";
})();
