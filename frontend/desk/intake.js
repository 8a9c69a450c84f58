// The clerk on the telephone: everything by keys, the category from the words. Nothing typed is sent before the form is.

const KEYS = { F2: "place", F4: "category", F8: "contact", F9: "send" };

export function intake(page) {
  const next = page.querySelector("[data-next]");
  if (next) {
    next.focus();
    page.addEventListener("keydown", (event) => {
      if (event.key === "F9") next.click();
    });
  }
  const form = page.querySelector("form[data-intake]");
  if (!form) return;

  const go = {
    place: () => form.elements.q.focus(),
    category: () => (form.querySelector("[name=category]:checked") ?? form.querySelector("[name=category]")).focus(),
    contact: () => {
      form.querySelector(".contact").open = true;
      form.elements.phone.focus();
    },
    send: () => form.requestSubmit(form.querySelector("[data-send]")),
  };
  page.addEventListener("keydown", (event) => {
    const what = KEYS[event.key];
    if (!what || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go[what]();
  });

  // In the search: down or enter goes to what was found. Enter alone would ask for the page again.
  form.elements.q.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== "ArrowDown") return;
    const radios = [...form.querySelectorAll("#places [name=place]")];
    if (!radios.length) return;
    event.preventDefault();
    const radio = radios.find((one) => one.checked) ?? radios[0];
    radio.checked = true;
    radio.focus();
  });

  suggest(form);
}

// As cases/rules/suggesting.py: the longest words found win; what a person chose stays.
function suggest(form) {
  const box = form.querySelector("[data-cues]");
  const said = box.querySelector(".because");
  const cues = box.dataset.cues.split(";").map((part) => {
    const [code, words] = part.split("=");
    return [code, words.split(",")];
  });
  let byHand = Boolean(form.querySelector("[name=category]:checked"));
  box.addEventListener("change", () => {
    byHand = true;
    said.textContent = "";
  });
  form.elements.words.addEventListener("input", () => {
    if (byHand) return;
    let best;
    let weight = 0;
    for (const [code, words] of cues) {
      const found = words.filter((word) => form.elements.words.value.includes(word));
      const total = found.join("").length;
      const radio = form.querySelector(`[name=category][value="${code}"]`);
      if (radio && total > weight) [best, weight] = [{ radio, found }, total];
    }
    form.querySelectorAll("[name=category]").forEach((radio) => (radio.checked = radio === best?.radio));
    const words = best ? `${box.dataset.because}“${best.found.join("”“")}”，${box.dataset.change}` : "";
    if (said.textContent !== words) said.textContent = words;
  });
}
