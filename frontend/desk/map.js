// <div data-map data-lat data-lng data-ring="[[lat,lng],…]" data-for-lat="id" data-for-lng="id" data-hint="…">: the lane's outline and a
// pin, without tiles (a county's pages ask no foreign map server). The pin writes into two fields of the form; without scripts those
// are empty and the lane itself is the place.
import L from "leaflet";
import "leaflet/dist/leaflet.css";

export function draw(element) {
  const data = element.dataset;
  const ring = JSON.parse(data.ring || "[]");
  const styles = getComputedStyle(document.documentElement);
  const accent = styles.getPropertyValue("--accent").trim();
  const map = L.map(element, { attributionControl: false, zoomSnap: 0.25, scrollWheelZoom: false });
  if (ring.length) {
    const outline = L.polygon(ring, { color: accent, weight: 3, fillOpacity: 0.1, interactive: false }).addTo(map);
    map.fitBounds(outline.getBounds().pad(0.15));
  } else map.setView([Number(data.lat), Number(data.lng)], 17);
  L.control.scale({ imperial: false }).addTo(map);

  const fields = [data.forLat, data.forLng].map((id) => document.getElementById(id));
  const start = fields.every((field) => field?.value) ? fields.map((field) => Number(field.value)) : [Number(data.lat), Number(data.lng)];
  const movable = fields.every(Boolean);
  const icon = L.divIcon({ className: "pin", iconSize: [44, 44], iconAnchor: [22, 42] });
  const pin = L.marker(start, { icon, draggable: movable, keyboard: movable, title: data.hint, alt: data.hint }).addTo(map);
  if (!movable) return;
  const write = ({ lat, lng }) => {
    fields[0].value = lat.toFixed(6);
    fields[1].value = lng.toFixed(6);
    fields[0].form?.dispatchEvent(new Event("input"));
  };
  pin.on("dragend", () => write(pin.getLatLng()));
  map.on("click", (event) => {
    pin.setLatLng(event.latlng);
    write(event.latlng);
  });
  // Arrow keys move the pin by five metres when it has the focus: dragging is never the only way.
  pin.getElement().addEventListener("keydown", (event) => {
    const step = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    const { lat, lng } = pin.getLatLng();
    const metre = 1 / 111320;
    pin.setLatLng([lat + step[0] * 5 * metre, lng + (step[1] * 5 * metre) / Math.cos((lat * Math.PI) / 180)]);
    write(pin.getLatLng());
    event.preventDefault();
    event.stopPropagation();
  });
}
