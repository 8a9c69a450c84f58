// Taking something with you: copy a code, print, save the receipt as a picture.

export function copying(root) {
  root.querySelectorAll("button[data-copy]").forEach((button) => {
    if (!navigator.clipboard) return; // only on https and localhost
    button.hidden = false;
    const word = button.querySelector("span");
    const before = word.textContent;
    word.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      word.textContent = button.dataset.done;
      setTimeout(() => (word.textContent = before), 2000);
    });
  });
}

export function printing(root) {
  root.querySelectorAll("button[data-print]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => print());
  });
}

// Draws the parts marked data-draw of an element, in order, black on white: words, and pictures (the QR code).
export function pictures(root) {
  root.querySelectorAll("button[data-picture]").forEach((button) => {
    const source = document.getElementById(button.dataset.picture);
    if (!source) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const blob = await draw([...source.querySelectorAll("[data-draw]")]);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${button.dataset.name}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    });
  });
}

const WIDTH = 720;
const MARGIN = 48;
const QR = 360;

async function draw(parts) {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  const pen = canvas.getContext("2d");
  const face = getComputedStyle(document.body).fontFamily;
  const plan = [];
  let y = MARGIN;
  for (const part of parts) {
    if (part.matches("img, svg")) {
      plan.push({ image: await loaded(part), y });
      y += QR + 24;
      continue;
    }
    const size = { large: 44, code: 52 }[part.dataset.draw] || 28;
    const font = `${part.dataset.draw ? 650 : 400} ${size}px ${face}`;
    pen.font = font;
    for (const line of lines(pen, part.innerText.trim())) {
      y += Math.round(size * 1.5);
      plan.push({ line, font, y: y - Math.round(size * 0.4) });
    }
    y += 8;
  }
  canvas.height = y + MARGIN;
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#000";
  pen.textAlign = "center";
  for (const { image, line, font, y: top } of plan) {
    if (image) pen.drawImage(image, (WIDTH - QR) / 2, top, QR, QR);
    else {
      pen.font = font;
      pen.fillText(line, WIDTH / 2, top);
    }
  }
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function* lines(pen, text) {
  for (const paragraph of text.split(/\n+/)) {
    let line = "";
    // Chinese breaks anywhere; words of other scripts stay whole.
    for (const piece of paragraph.match(/[\w.:/@-]+\s*|./gu) || []) {
      if (line && pen.measureText(line + piece).width > WIDTH - 2 * MARGIN) {
        yield line;
        line = piece.trimStart();
      } else line += piece;
    }
    if (line) yield line;
  }
}

async function loaded(part) {
  const image = new Image();
  if (part.matches("svg")) {
    const words = new XMLSerializer().serializeToString(part);
    image.src = URL.createObjectURL(new Blob([words], { type: "image/svg+xml" }));
  } else image.src = part.src;
  await image.decode();
  return image;
}
