// <input type="file" multiple data-photos data-most="9" data-bytes="20971520" data-too-many="…" data-too-big="…" data-remove="…" data-choose="…">:
// shows what was chosen, lets one be taken out, and says at once what the server would refuse.

export function previewPhotos(root) {
  root.querySelectorAll("input[data-photos]").forEach((input) => {
    const list = document.createElement("ul");
    list.className = "photos";
    const said = document.createElement("p");
    said.className = "error";
    said.setAttribute("role", "alert");
    said.hidden = true;
    input.after(said, list);
    // The browser's own button speaks the browser's language, not the page's.
    if (input.dataset.choose && input.id) {
      const label = document.createElement("label");
      label.className = "choose";
      label.htmlFor = input.id;
      label.textContent = input.dataset.choose;
      label.setAttribute("aria-hidden", "true"); // the field has its own label
      input.classList.add("unseen");
      input.after(label);
    }
    let chosen = [];

    const keep = (files) => {
      const most = Number(input.dataset.most) || 9;
      const bytes = Number(input.dataset.bytes) || Infinity;
      const fitting = files.filter((file) => file.size <= bytes);
      const words = [];
      if (fitting.length < files.length) words.push(input.dataset.tooBig ?? "");
      if (fitting.length > most) words.push(input.dataset.tooMany ?? "");
      said.textContent = words.join(" ");
      said.hidden = !words.length;
      chosen = fitting.slice(0, most);
      const transfer = new DataTransfer();
      chosen.forEach((file) => transfer.items.add(file));
      input.files = transfer.files;
      show();
    };

    const show = () => {
      list.querySelectorAll("img").forEach((image) => URL.revokeObjectURL(image.src));
      list.replaceChildren(
        ...chosen.map((file, at) => {
          const item = document.createElement("li");
          const image = document.createElement("img");
          image.src = URL.createObjectURL(file);
          image.alt = file.name;
          const remove = document.createElement("button");
          remove.type = "button";
          remove.textContent = "×";
          remove.setAttribute("aria-label", `${input.dataset.remove ?? "×"} ${file.name}`);
          remove.addEventListener("click", () => {
            keep(chosen.filter((_, other) => other !== at));
            input.focus();
          });
          item.append(image, remove);
          return item;
        }),
      );
    };

    // The camera gives one at a time: what was taken before stays.
    input.addEventListener("change", () => {
      const known = new Set(chosen.map((file) => `${file.name}/${file.size}/${file.lastModified}`));
      keep([...chosen, ...[...input.files].filter((file) => !known.has(`${file.name}/${file.size}/${file.lastModified}`))]);
    });
  });
}
