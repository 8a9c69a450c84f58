// Danger words while somebody types: 110, 119 and 120 come to the top of the form, the one that fits first. The list is fetched, what is
// typed is not sent. Nothing is stopped, and the focus stays where it is.
//
// <form>…<div data-danger="address of the list" hidden><a data-number="110">…</a>…</div>…<textarea name="words">

const MOST = 2000;

// The list as it comes, made ready: the same steps as cases/rules/danger.py, which explains them.
export function prepare(list) {
  const all = (pattern, more = "") => new RegExp(pattern, `gmu${more}`);
  const one = (pattern) => pattern && new RegExp(pattern, "mu");
  const signs = [...list.fold];
  return {
    blank: all(list.blank),
    sentence: all(`${list.sentence}+`),
    clause: all(`${list.clause}+`),
    fold: new Map(signs.map((sign, at) => [sign, signs[at + 1]]).filter((_, at) => at % 2 === 0)),
    calm: all(list.calm),
    elsewhere: one(list.elsewhere),
    now: one(list.now),
    feared: all(list.feared),
    kinds: list.kinds.map(([numbers, sure, usual]) => ({ numbers, sure: one(sure), usual: one(usual) })),
  };
}

// The numbers to show, the one that fits first; nothing where the words tell of no danger.
export function numbersFor(ready, words) {
  const folded = [...words].slice(0, MOST).join("").normalize("NFKC").toLowerCase();
  const text = [...folded].map((sign) => ready.fold.get(sign) ?? sign).join("").replace(ready.blank, "");
  const told = [];
  const here = [];
  for (const sentence of text.split(ready.sentence)) {
    const clauses = sentence.split(ready.clause);
    const away = clauses.map((clause) => ready.elsewhere.test(clause));
    const someAway = away.includes(true);
    clauses.forEach((clause, at) => {
      const left = clause.replace(ready.calm, "_");
      told.push(left);
      if (!someAway || (!away[at] && ready.now.test(clause))) here.push(left);
    });
  }
  const sure = told.join("\n");
  const usual = here.join("\n").replace(ready.feared, "_");
  return ready.kinds.find((kind) => (kind.sure && kind.sure.test(sure)) || (kind.usual && kind.usual.test(usual)))?.numbers;
}

export function watch(box) {
  const form = box.closest("form");
  const words = form?.elements.words;
  if (!words) return;
  let ready;
  let shown = box.hidden ? "" : "as the server said";
  let timer;

  const look = async () => {
    try {
      ready ??= prepare(await (await fetch(box.dataset.danger)).json());
    } catch {
      return; // no line, or an old browser: the numbers stand at the page's foot, and the server looks as well
    }
    const numbers = numbersFor(ready, words.value);
    const wanted = numbers?.join() ?? "";
    if (wanted === shown) return; // said once, not at every key
    shown = wanted;
    box.hidden = !numbers;
    if (!numbers) return;
    const links = [...box.querySelectorAll("[data-number]")];
    links[0].parentElement.append(...numbers.map((number) => links.find((link) => link.dataset.number === number)));
  };

  words.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, 400);
  });
  if (words.value) look(); // a draft of before
}
