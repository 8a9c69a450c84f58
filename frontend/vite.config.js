import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  // Relative, so that the pages alone decide where static files are served.
  base: "./",
  build: {
    outDir: "../src/xiangli/web/static/dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    // A village's phones are old; what they cannot run is written for them.
    target: ["chrome87", "firefox78", "safari14"],
    assetsInlineLimit: 0, // the content security policy allows no data: script or style
    rollupOptions: { input: ["desk/main.js", "desk/main.css"] },
  },
});
