import { mount } from "svelte";
import App from "./App.svelte";
import "./app.css";
import { startLanguage } from "./lib/i18n.svelte";
import { startRouter } from "./lib/router.svelte";
import { session } from "./lib/session.svelte";
import { startTheme } from "./lib/theme.svelte";

// A newer version was installed since this page was opened, and its files have other names: once, it is loaded anew.
const RELOADED = "sluice.reloaded";
const PATIENCE_MS = 10_000;
addEventListener("vite:preloadError", (event) => {
  if (Date.now() - Number(sessionStorage.getItem(RELOADED)) < PATIENCE_MS) return;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  event.preventDefault();
  location.reload();
});

startTheme();
startRouter();
await Promise.all([startLanguage(), session.resume()]);
const target = document.getElementById("app");
if (target) mount(App, { target });
