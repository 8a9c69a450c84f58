// j and k walk the rows of a list, enter opens one; as in the desk programs that clerks know.

export function keys(page) {
  page.addEventListener("keydown", (event) => {
    if (event.target.closest("input, textarea, select, [contenteditable], dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = [...page.querySelectorAll("[data-rows] [data-row]")];
    if (!rows.length || !["j", "k", "Enter"].includes(event.key)) return;
    const at = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
    if (event.key === "Enter") {
      // A focused link or button already knows what enter means.
      if (at < 0 || event.target.closest("a, button, summary")) return;
      rows[at].querySelector("a[href]")?.click();
      return;
    }
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)))];
    rows.forEach((row) => row.setAttribute("aria-selected", String(row === next)));
    next.scrollIntoView({ block: "nearest" });
    event.preventDefault();
  });
}
