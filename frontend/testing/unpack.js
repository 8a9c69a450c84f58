// Unpacks the Chromium of @sparticuz/chromium and the libraries it wants into the folder given, once.
// The package itself unpacks the libraries only where it believes to be on a serverless platform.
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const target = resolve(process.argv[2]);
const making = `${target}.making`;
await rm(making, { recursive: true, force: true });
await mkdir(making, { recursive: true });
process.env.TMPDIR = making; // where the package unpacks to

const { inflate } = await import("@sparticuz/chromium");
const packs = join(dirname(fileURLToPath(import.meta.resolve("@sparticuz/chromium"))), "..", "bin");
for (const pack of ["chromium.br", "al2023.tar.br", "swiftshader.tar.br"]) {
  await inflate(join(packs, pack));
}

const faces = resolve(dirname(fileURLToPath(import.meta.url)), "node_modules/@expo-google-fonts/noto-sans-sc");
const aliases = ["sans-serif", "serif", "monospace", "system-ui"]
  .map((family) => `<alias binding="same"><family>${family}</family><prefer><family>Noto Sans SC</family></prefer></alias>`)
  .join("\n  ");
await writeFile(
  join(making, "fonts.conf"),
  `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>${faces}/400Regular</dir>
  <dir>${faces}/700Bold</dir>
  <cachedir>${target}/font-cache</cachedir>
  ${aliases}
</fontconfig>
`,
);
await rm(target, { recursive: true, force: true });
await rename(making, target);
