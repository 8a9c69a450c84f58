import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  // Relative, so that the pages alone decide where static files are served.
  base: "./",
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
