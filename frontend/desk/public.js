// Every page works without this script. It makes some things quicker, and shows the buttons that need it.
import { guardForms, keepDrafts, groupCodes, askFirst } from "./forms.js";
import { previewPhotos } from "./photos.js";
import { copying, printing, pictures } from "./take-away.js";

function enhance(root) {
  guardForms(root);
  keepDrafts(root);
  groupCodes(root);
  askFirst(root);
  previewPhotos(root);
  copying(root);
  printing(root);
  pictures(root);
  // Maps are rare and heavy: their code is fetched where one stands.
  const maps = root.querySelectorAll("[data-map]");
  if (maps.length) import("./map.js").then(({ draw }) => maps.forEach(draw));
  const lands = root.querySelectorAll("[data-territory-map]");
  if (lands.length) import("./territory-map.js").then(({ draw }) => lands.forEach(draw));
  const boxes = root.querySelectorAll("[data-danger]");
  if (boxes.length) import("./danger.js").then(({ watch }) => boxes.forEach(watch));
}

enhance(document);
document.addEventListener("htmx:load", (event) => {
  if (event.detail.elt !== document.body) enhance(event.detail.elt);
});
