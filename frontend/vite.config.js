import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig } from "vite";

// Packed once here, so that the server sends a plate's page over 2G without a proxy's help.
function packed(folder) {
  return {
    name: "packed",
    closeBundle() {
      for (const name of readdirSync(folder).filter((name) => /\.(css|js)$/.test(name))) {
        const content = readFileSync(join(folder, name));
        writeFileSync(join(folder, `${name}.gz`), gzipSync(content, { level: 9 }));
        writeFileSync(join(folder, `${name}.br`), brotliCompressSync(content));
      }
    },
  };
}

// What is printed carries its own face: a machine need not have a Chinese one.
function faces(folder) {
  const from = fileURLToPath(new URL("node_modules/@expo-google-fonts/noto-sans-sc", import.meta.url));
  return {
    name: "faces",
    closeBundle() {
      mkdirSync(folder, { recursive: true });
      for (const [name, style] of [["Regular", "400Regular"], ["Bold", "700Bold"]])
        copyFileSync(join(from, style, `NotoSansSC_${style}.ttf`), join(folder, `NotoSansSC-${name}.ttf`));
      copyFileSync(join(from, "LICENSE_FONT"), join(folder, "LICENSE"));
    },
  };
}

const fonts = fileURLToPath(new URL("../src/xiangli/web/static/dist/fonts", import.meta.url));
const assets = fileURLToPath(new URL("../src/xiangli/web/static/dist/assets", import.meta.url));

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  // Relative, so that the pages alone decide where static files are served.
  base: "./",
  plugins: [packed(assets), faces(fonts)],
  css: { preprocessorOptions: { scss: { quietDeps: true } } }, // what Pico's sources will have to change one day
  build: {
    outDir: "../src/xiangli/web/static/dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    // A village's phones are old; what they cannot run is written for them.
    target: ["chrome87", "firefox78", "safari14"],
    cssTarget: ["chrome89", "firefox78", "safari14.1"], // one step on, logical properties need no copies for each direction
    assetsInlineLimit: 0, // the content security policy allows no data: script or style
    rollupOptions: { input: ["desk/main.js", "desk/public.js", "desk/main.scss"] },
  },
});
