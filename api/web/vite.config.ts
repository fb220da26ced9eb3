import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

const api = process.env.SLUICE_URL ?? "http://127.0.0.1:8080";
const ways = ["/api/v1", "/hls", "/p", "/raw", "/health", "/ready"];

export default defineConfig({
  // Relative, so that the app works behind any path prefix.
  base: "./",
  plugins: [svelte()],
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    // The policy allows no styles and scripts but files of this service.
    assetsInlineLimit: 0,
    // hls.js, which is loaded with the player alone.
    chunkSizeWarningLimit: 640,
    reportCompressedSize: false,
  },
  server: {
    proxy: Object.fromEntries([
      ...ways.map((way) => [way, { target: api, changeOrigin: false }]),
      ["/socket.io", { target: api, ws: true }],
    ]),
  },
});
