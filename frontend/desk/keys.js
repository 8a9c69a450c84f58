// Keys of the desk programs that clerks know: j and k walk the rows of a list, enter opens one, o opens its page, x ticks it, "/" goes to the
// search, "?" shows them all. The focus itself walks, so that a screen reader says where it is. Enter is the link's own.
//
// <tbody data-rows><tr data-row>…<a href>…</tr></tbody>, the row of the focus keeps data-at while the focus is elsewhere;
// <dialog id="keys">…<input type="checkbox" data-keys-off>, <button data-keys-help="keys" hidden>: single keys can be turned off (WCAG 2.1.4).

const OFF = "keys-off";

export function rowsOf(page) {
  return [...page.querySelectorAll("[data-rows] [data-row]")];
}

export function rowAt(page) {
  return page.querySelector("[data-row][data-at]");
}

export function goTo(row) {
  row.querySelector("a[href]")?.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function off() {
  try {
    return localStorage.getItem(OFF) === "1";
  } catch {
    return false;
  }
}

export function keys(page) {
  page.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-row]");
    if (!row) return;
    rowsOf(page).forEach((other) => other.toggleAttribute("data-at", other === row));
  });

  const walk = (step) => {
    const rows = rowsOf(page);
    if (!rows.length) return false;
    const at = rows.findIndex((row) => row.hasAttribute("data-at"));
    goTo(rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))]);
    return true;
  };
  const tick = () => {
    const box = rowAt(page)?.querySelector('input[type="checkbox"]');
    box?.click();
    return Boolean(box);
  };
  const open = () => {
    const link = rowAt(page)?.querySelector("a[href]");
    if (link) location.assign(link.href);
    return Boolean(link);
  };
  const press = (selector) => {
    const found = page.querySelector(selector);
    if (!found || found.hidden) return false;
    if (found.matches("input")) found.select();
    else found.click();
    found.focus();
    return true;
  };
  const does = {
    j: () => walk(1),
    k: () => walk(-1),
    o: open,
    x: tick,
    n: () => press("[data-bar] button"),
    "/": () => press('input[type="search"]'),
    "?": () => help(),
  };

  const dialog = page.getElementById?.("keys");
  const help = () => {
    if (!dialog?.showModal || dialog.open) return false;
    dialog.showModal();
    return true;
  };
  const switchOff = dialog?.querySelector("[data-keys-off]");
  if (switchOff) {
    switchOff.checked = off();
    switchOff.addEventListener("change", () => {
      try {
        localStorage.setItem(OFF, switchOff.checked ? "1" : "0");
      } catch {
        // storage forbidden: they stay on
      }
    });
  }
  page.querySelectorAll("[data-keys-help]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", help);
  });

  page.addEventListener("keydown", (event) => {
    if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.defaultPrevented || off() || !Object.hasOwn(does, event.key)) return;
    if (does[event.key]()) event.preventDefault();
  });
}
