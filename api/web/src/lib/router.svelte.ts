// Addresses of the app. It lives where the document's base says, behind whatever prefix; links are written
// relative to that base ("watch/ID").
import { type Route, routes } from "../routes";

export interface Place {
  route: Route | null;
  params: Record<string, string>;
  query: URLSearchParams;
  hash: string;
  path: string;
}

const root = new URL(".", document.baseURI);

function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const is = given[i] ?? "";
    if (part.startsWith(":")) {
      if (!is) return null;
      params[part.slice(1)] = decodeURIComponent(is);
    } else if (part !== is) return null;
  }
  return params;
}

function find(url: URL): Place {
  const path = `/${url.pathname.slice(root.pathname.length)}`;
  const place = { route: null, params: {}, query: url.searchParams, hash: url.hash.slice(1), path };
  for (const route of routes) {
    const params = match(route.path, path.length > 1 ? path.replace(/\/$/, "") : path);
    if (params) return { ...place, route, params };
  }
  return place;
}

export const place = $state<{ now: Place }>({ now: find(new URL(location.href)) });

/** An absolute address of the app or of the API, for whatever needs one. */
export const absolute = (path: string) => new URL(path.replace(/^\//, ""), root).href;

/** An address that the API named, on the host that this page came from: a service may be known by several names. */
export function own(url: string): string {
  const at = new URL(url, root);
  const way = at.pathname.search(/\/(api\/v1|hls|raw|download|p)\//);
  return way < 0 ? url : absolute(at.pathname.slice(way) + at.search);
}

export function go(path: string, { replace = false, keep = false } = {}) {
  const url = new URL(absolute(path));
  history[replace ? "replaceState" : "pushState"](null, "", url);
  const before = place.now.path;
  place.now = find(url);
  if (!keep && place.now.path !== before) arrive();
}

function arrive() {
  scrollTo(0, 0);
  // Screen readers and keyboards begin with what is new.
  requestAnimationFrame(() => document.getElementById("main")?.focus({ preventScroll: true }));
}

function followed(event: MouseEvent) {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.composedPath().find((e): e is HTMLAnchorElement => e instanceof HTMLAnchorElement);
  if (!link?.href || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href);
  if (url.origin !== root.origin || !url.pathname.startsWith(root.pathname) || !find(url).route) return;
  event.preventDefault();
  go(url.pathname.slice(root.pathname.length) + url.search + url.hash);
}

export function startRouter() {
  // The base was relative to the first address; from now on addresses change under it.
  const base = document.querySelector("base");
  if (base) base.href = root.pathname;
  addEventListener("popstate", () => (place.now = find(new URL(location.href))));
  document.addEventListener("click", followed);
}
