// The queue of a desk: the summary of a matter beside the list, ticks for several at once, and news that never move a row by themselves.
//
// <div data-queue data-drawer="drawer" data-news="address" data-here="address" data-gone="…">, see matters/queue.html. Without scripts a row's
// link leads to the page, and the form of the ticked ones is sent as it is.
import htmx from "htmx.org";
import { goTo, rowAt, rowsOf } from "./keys.js";

const WIDE = "(min-width: 64.01rem)"; // below it a summary would cover the list: the link leads to the page

export function queue(root) {
  summaries(root, document.getElementById(root.dataset.drawer));
  ticks(root);
  if (root.dataset.news && "EventSource" in window) news(root);
}

function summaries(root, drawer) {
  const show = (row) => {
    const link = row.querySelector("a[href]");
    goTo(row);
    drawer.hidden = false;
    drawer.dataset.of = row.id;
    drawer.setAttribute("aria-busy", "true");
    htmx.ajax("GET", link.href, { target: drawer, swap: "innerHTML" });
  };
  const close = () => {
    drawer.hidden = true;
    drawer.replaceChildren();
    const row = document.getElementById(drawer.dataset.of) ?? rowAt(document);
    if (row) goTo(row);
  };

  root.addEventListener("click", (event) => {
    const row = event.target.closest("[data-row]");
    const usual = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!row || !usual || !matchMedia(WIDE).matches || event.target.closest("input, label, button")) return;
    if (String(getSelection()).length) return; // somebody copies a number
    event.preventDefault();
    show(row);
  });
  drawer.addEventListener("click", (event) => event.target.closest("[data-close]") && close());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !drawer.hidden && !document.querySelector("dialog[open]")) close();
  });
  drawer.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.responseText.includes("data-summary")) return;
    event.detail.shouldSwap = false; // signed out meanwhile, or a page of its own
    if (xhr.status < 400) location.assign(xhr.responseURL || location.href);
    else close();
  });
  // A refusal stands above the page by then.
  document.addEventListener("htmx:responseError", () => !drawer.hidden && !drawer.childElementCount && close());
  drawer.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== drawer) return;
    drawer.removeAttribute("aria-busy");
    drawer.scrollTop = 0;
    (drawer.querySelector('[role="alert"][tabindex]') ?? drawer.querySelector("h2"))?.focus();
    if (event.detail.requestConfig?.verb === "post" && event.detail.xhr.status < 400) refresh(root, drawer.dataset.of);
  });
}

// What was done in the summary shows in its row, and what came in the counters; no other row changes.
async function refresh(root, id = "") {
  let page;
  try {
    page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  } catch {
    return; // no line: the row stays as it was read
  }
  const counters = page.querySelector(".lamps");
  if (counters) root.querySelector(".lamps").replaceWith(counters);
  const row = document.getElementById(id);
  const now = page.getElementById(id);
  if (!row) return;
  if (now) {
    const focused = row.contains(document.activeElement);
    now.toggleAttribute("data-at", row.hasAttribute("data-at"));
    now.querySelectorAll("input").forEach((box) => (box.checked = row.querySelector("input").checked));
    row.replaceWith(now);
    if (focused) goTo(now);
  } else if (!row.classList.contains("gone")) {
    row.classList.add("gone");
    const said = document.createElement("small");
    said.textContent = ` ${root.dataset.gone}`;
    row.querySelector(".what").append(said);
  }
}

function ticks(root) {
  const count = root.querySelector("[data-count]");
  if (!count) return;
  const form = root.querySelector("#bulk");
  const all = root.querySelector("[data-all]");
  const before = count.textContent;
  const boxes = () => [...form.querySelectorAll('input[name="m"]')];
  const say = () => {
    const ticked = boxes().filter((box) => box.checked).length;
    count.textContent = ticked ? count.dataset.words.replace("{count}", ticked) : before;
    all.checked = ticked > 0 && ticked === boxes().length;
    all.indeterminate = ticked > 0 && !all.checked;
  };
  all.hidden = false;
  all.addEventListener("change", () => {
    boxes().forEach((box) => (box.checked = all.checked));
    say();
  });
  form.addEventListener("change", say);
  say(); // back from the next page, the ticks are as they were
}

function news(root) {
  const bar = root.querySelector("[data-bar]");
  const came = new Set();
  let stream;

  const say = () => {
    const words = came.size === 1 ? bar.dataset.wordsOne : bar.dataset.words.replace("{count}", came.size);
    let button = bar.querySelector("button");
    if (!came.size) {
      button?.remove();
      return;
    }
    if (!button) {
      button = document.createElement("button");
      button.type = "button";
      button.addEventListener("click", load);
      bar.append(button);
    }
    if (button.textContent !== words) button.textContent = words;
  };

  const load = async () => {
    const into = root.querySelector("#arrived");
    if (!into) {
      location.assign(root.dataset.here);
      return;
    }
    const ids = [...came, ...[...into.querySelectorAll("[data-id]")].map((row) => row.dataset.id)];
    const here = root.dataset.here;
    await htmx.ajax("GET", `${here}${here.endsWith("?") ? "" : "&"}arrived=${ids.join(",")}`, { target: into, swap: "innerHTML" });
    came.clear();
    say();
    refresh(root);
    const first = rowsOf(into.parentElement)[0];
    if (first) goTo(first);
  };

  const listen = () => {
    let address = root.dataset.news;
    if (root.dataset.since) address = address.replace(/since=.*$/, `since=${encodeURIComponent(root.dataset.since)}`);
    stream = new EventSource(address);
    stream.addEventListener("message", (event) => {
      root.dataset.since = event.lastEventId;
      const there = new Set(rowsOf(root).map((row) => row.dataset.id));
      JSON.parse(event.data).ids.filter((id) => !there.has(id)).forEach((id) => came.add(id));
      say();
    });
  };
  // A page that nobody sees asks for nothing.
  document.addEventListener("visibilitychange", () => {
    stream?.close();
    if (!document.hidden) listen();
  });
  addEventListener("pagehide", () => stream?.close());
  if (!document.hidden) listen();
}
