/// <reference types="vitest/config" />
import { defineConfig } from "vite";

// File names carry no hashes: the committed build then differs only where it
// changed, and the server answers with ETags.
export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    rolldownOptions: {
      output: { entryFileNames: "app.js", chunkFileNames: "[name].js", assetFileNames: (a) => (a.names[0]?.endsWith(".css") ? "app.css" : "[name][extname]") },
    },
  },
  server: {
    // `npm run dev` beside `make run`.
    proxy: Object.fromEntries(["/v1", "/whip", "/whep", "/healthz", "/metrics"].map((p) => [p, "http://127.0.0.1:8080"])),
  },
  test: { include: ["test/unit/*.test.ts"], environment: "node" },
});
