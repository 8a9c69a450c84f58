// <div data-territory-map data-units="…json" data-points="…json" data-rows="id of the table">: the units below one, shaded by the share
// that is overdue, and open matters as points in their lamp's colour and shape. No tiles: nothing is asked of a foreign server. The
// numbers are read from the table below the map, which says the same without it.
import L from "leaflet";
import "leaflet/dist/leaflet.css";

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = { red: "M8 1.5 15 14H1z", amber: "m8 1 7 7-7 7-7-7z", green: "M8 1.5a6.5 6.5 0 1 0 .01 0z", off: "M2 2h12v12H2z" };
const WORST = ["red", "amber", "green", "off"];
const CELL = 46; // px: marks that would cover each other become one with a number
const LISTED = 10; // in the bubble of one mark

const fill = (words, values) => Object.entries(values).reduce((text, [key, value]) => text.replace(`{${key}}`, value), words);

function make(name, attributes, parent, space) {
  const element = space ? document.createElementNS(space, name) : document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => (key === "text" ? (element.textContent = value) : element.setAttribute(key, value)));
  parent?.append(element);
  return element;
}

async function fetched(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

// Darker is more overdue, and the darkest is hatched as well: no one has to tell two reds apart.
function hatch(map) {
  const svg = map.getPanes().overlayPane.querySelector("svg");
  if (!svg || svg.querySelector("#late")) return;
  const pattern = make("pattern", { id: "late", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, make("defs", {}, svg, SVG), SVG);
  make("rect", { width: 8, height: 8, class: "hatch-ground" }, pattern, SVG);
  make("rect", { width: 3, height: 8, class: "hatch-line" }, pattern, SVG);
}

function drawUnits(map, found, rows, say) {
  const labels = [];
  for (const unit of found.units) {
    const row = rows.get(unit.id);
    if (!row) continue;
    const { name, open, red, shade } = row.dataset;
    const area = L.polygon(unit.ring, { className: `area a${shade}`, weight: 1.5, fillOpacity: 1, fillColor: shade === "4" ? "url(#late)" : undefined }).addTo(map);
    area.bindTooltip(`${name}：${fill(say.open, { open, red })}`, { sticky: true });
    area.on("click", () => row.querySelector("a[href]").click());
    const words = make("span", { class: "share" });
    make("b", { text: name }, words);
    make("span", { text: `${red} / ${open}` }, words);
    labels.push([area, L.marker(unit.middle, { icon: L.divIcon({ html: words, className: "share-at", iconSize: null }), interactive: false, keyboard: false, zIndexOffset: 10000 })]); // over the points
  }
  // A label stands where its unit is wide enough for it; the table has them all.
  const fit = () =>
    labels.forEach(([area, label]) => {
      const box = area.getBounds();
      const wide = map.latLngToLayerPoint(box.getSouthEast()).x - map.latLngToLayerPoint(box.getNorthWest()).x;
      wide > 72 ? label.addTo(map) : label.remove();
    });
  map.on("zoomend", fit);
  fit();
}

function mark(group) {
  const lamp = WORST.find((one) => group.some((point) => point.lamp === one));
  const body = make("span", { class: "dot-body" });
  make("path", { d: SHAPES[lamp] }, make("svg", { viewBox: "0 0 16 16", class: `mark ${lamp}`, "aria-hidden": "true" }, body, SVG), SVG);
  if (group.length > 1) make("b", { text: group.length }, body);
  return L.divIcon({ html: body, className: "dot", iconSize: [24, 24] });
}

function bubble(group, say) {
  const box = make("div", { class: "bubble" });
  if (group.length > 1) make("p", { text: fill(say.several, { count: group.length }) }, box);
  const list = make("ul", {}, box);
  for (const point of group.slice(0, LISTED)) {
    const item = make("li", {}, list);
    make("a", { href: point.url, text: point.title }, item);
    make("span", { class: "hint", text: ` ${point.number} · ${point.place} · ${point.left}` }, item);
  }
  if (group.length > LISTED) make("p", { class: "hint", text: fill(say.others, { count: group.length - LISTED }) }, box);
  return box;
}

function drawPoints(map, points, say) {
  const layer = L.layerGroup().addTo(map);
  const draw = () => {
    layer.clearLayers();
    const groups = new Map();
    for (const point of points) {
      const at = map.project(point.at, map.getZoom()).divideBy(CELL).floor();
      const key = `${at.x}:${at.y}`;
      groups.set(key, [...(groups.get(key) || []), point]);
    }
    for (const group of groups.values()) {
      const bounds = L.latLngBounds(group.map((point) => point.at));
      const single = bounds.getNorthEast().equals(bounds.getSouthWest(), 1e-5);
      const title = group.length > 1 ? fill(say.open, { open: group.length, red: group.filter((point) => point.lamp === "red").length }) : `${group[0].title} · ${group[0].left}`;
      const one = L.marker(bounds.getCenter(), { icon: mark(group), keyboard: false, title }).addTo(layer);
      if (single || map.getZoom() >= map.getMaxZoom()) one.bindPopup(() => bubble(group, say), { maxWidth: 320 });
      else one.on("click", () => map.fitBounds(bounds.pad(0.4)));
    }
  };
  map.on("zoomend", draw);
  draw();
}

export async function draw(element) {
  const { units, points, rows, ...said } = element.dataset;
  const say = Object.fromEntries(Object.entries(said).filter(([key]) => key.startsWith("say")).map(([key, words]) => [key.slice(3).toLowerCase(), words]));
  const notes = document.querySelector("[data-land-notes]");
  const table = document.getElementById(rows);
  const known = new Map([...(table?.querySelectorAll("[data-unit]") || [])].map((row) => [row.dataset.unit, row]));
  try {
    const [ground, matters] = await Promise.all([fetched(units), fetched(points)]);
    if (!ground.own.length && !ground.units.length && !matters.points.length) {
      element.hidden = true;
      return;
    }
    const map = L.map(element, { attributionControl: false, zoomSnap: 0.25, maxZoom: 18, scrollWheelZoom: false });
    const own = ground.own.length ? L.polygon(ground.own, { className: "area own", weight: 3, interactive: false }) : null;
    const all = L.latLngBounds([...ground.own, ...ground.units.flatMap((unit) => unit.ring), ...(ground.own.length ? [] : matters.points.map((point) => point.at))]);
    map.fitBounds(all.pad(0.03));
    own?.addTo(map);
    L.control.scale({ imperial: false }).addTo(map);
    drawUnits(map, ground, known, say);
    hatch(map);
    drawPoints(map, matters.points, say);
    const left = [matters.more > 0 && fill(say.more, { count: matters.more }), matters.nowhere > 0 && fill(say.nowhere, { count: matters.nowhere })];
    notes.textContent = left.filter(Boolean).join(" · ");
    element.dataset.drawn = "yes";
  } catch {
    element.hidden = true;
    notes.textContent = say.failed;
  }
}
