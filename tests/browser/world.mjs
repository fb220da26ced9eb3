// People and what they made, through the API, so that every page of the app has something to show; and the list of its pages.
import { readFile } from "node:fs/promises";

export const PASSWORD = "correct horse battery";

/** Somebody who asks the API. */
async function login(url, login, password = PASSWORD) {
  const first = await fetch(`${url}/api/v1/auth/login`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ login, password }) });
  const { access_token, user } = await first.json();
  const ask = async (method, path, body, headers = {}) => {
    const json = body !== undefined && !(body instanceof Uint8Array) && !(body instanceof FormData) && typeof body !== "string";
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${access_token}`, ...(json && { "content-type": "application/json" }), ...headers },
      body: json ? JSON.stringify(body) : body,
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.headers.get("content-type")?.includes("json") ? response.json() : response.text();
  };
  return { ask, user };
}

async function register(url, username, role) {
  const body = JSON.stringify({ username, email: `${username}@example.org`, password: PASSWORD, role });
  await fetch(`${url}/api/v1/auth/register`, { method: "POST", headers: { "content-type": "application/json" }, body });
  return login(url, username);
}

async function upload(person, film, fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  form.set("file", new Blob([await readFile(film)]), film.split("/").at(-1));
  return person.ask("POST", "/media", form);
}

async function until(person, id, wanted) {
  for (const end = Date.now() + 60_000; Date.now() < end; await new Promise((r) => setTimeout(r, 100))) {
    const media = await person.ask("GET", `/media/${id}`);
    if (wanted.includes(media.status)) return media;
  }
  throw new Error(`${id} is not ${wanted} in time`);
}

/** Fills a service that has nothing but its administrator; what was made. */
export async function fill(url, { admin, films, wrong }) {
  const root = await login(url, admin.login, admin.password);
  const ada = await register(url, "ada", "creator");
  const bob = await register(url, "bob", "viewer");
  await ada.ask("PATCH", "/me/profile", { display_name: "Ada Lovelace", bio: "Films about machines, and what they can learn." });
  await root.ask("PUT", "/admin/categories/nature", { name: "Nature" });
  await root.ask("PUT", "/admin/categories/music", { name: "Music" });
  const made = [];
  for (const [i, film] of films.entries()) {
    const media = await upload(ada, film, { title: TITLES[i % TITLES.length], description: "Filmed in one go. 0:01 is where it begins.\n\nMore: https://example.org/films", visibility: i === 1 ? "unlisted" : "public" });
    await ada.ask("PATCH", `/media/${media.id}`, { tags: ["rabbit", "animation"], category: "nature" });
    made.push(media);
  }
  const refused = wrong ? await upload(ada, wrong, { title: "Something else" }).catch(() => null) : null;
  const [first] = made;
  await ada.ask("PUT", `/media/${first.id}/captions/en?label=English`, "WEBVTT\n\n00:01.000 --> 00:03.000\nOnce upon a time\n", { "content-type": "text/vtt" });
  await ada.ask("PUT", `/media/${first.id}/chapters`, { items: [{ start_ms: 0, title: "Morning" }, { start_ms: 4000, title: "A butterfly" }] });
  const said = await bob.ask("POST", `/media/${first.id}/comments`, { body: "Look at the light here.", at_ms: 2000 });
  await ada.ask("POST", `/media/${first.id}/comments`, { body: "It was the last hour of the day.", parent_id: said.id });
  await bob.ask("PUT", `/media/${first.id}/like`);
  await bob.ask("POST", `/subscriptions/${ada.user.id}`);
  await bob.ask("POST", "/me/creator-request", { message: "I film birds." });
  await bob.ask("POST", "/reports", { target: "media", id: first.id, reason: "other", note: "Is the music free?" });
  const list = await ada.ask("POST", "/playlists", { title: "For the evening", description: "Short ones.", visibility: "public" });
  for (const media of made) await ada.ask("POST", `/playlists/${list.id}/items`, { media_id: media.id });
  const post = await ada.ask("POST", "/posts", { title: "How it was made", body: `## The camera\n\nA **small** one.\n\n![the film](media:${first.id})`, published: true });
  const project = await ada.ask("POST", "/projects", { title: "Cutting notes", media_id: first.id });
  await ada.ask("PUT", `/projects/${project.id}/document`, "# Cutting notes\n\n[0:01] begins too early\n[0:05] hold this\n", { "content-type": "text/markdown", "if-match": '"0"' });
  await Promise.all(made.map((media) => until(ada, media.id, ["ready", "failed"])));
  await ada.ask("PUT", `/me/history/${first.id}`, { position_ms: 4000 });
  return { media: first, list, post, project, refused, ada: ada.user };
}

const TITLES = ["Big Buck Bunny, the short one", "A walk by the sea", "Hymn", "Portrait of a street", "Birds over the harbour"];

/** Every page, with who looks at it. */
export const pages = ({ media, list, post, project, ada }) => [
  ["home", "/", "nobody"],
  ["register", "/register", "nobody"],
  ["login", "/login", "nobody"],
  ["forgot-password", "/forgot-password", "nobody"],
  ["reset-password", "/reset-password", "nobody"],
  ["nothing", "/playlists/01990000-0000-7000-8000-000000000000", "nobody"],
  ["embed", `/embed/${media.id}`, "nobody"],
  ["feed", "/", "ada"],
  ["watch", `/watch/${media.id}`, "ada"],
  ["upload", "/upload", "ada"],
  ["search", "/search?q=bunny", "ada"],
  ["search-nothing", "/search?q=nothinglikethis", "ada"],
  ["category", "/categories/nature", "ada"],
  ["tag", "/tags/rabbit", "ada"],
  ["creators", "/creators", "ada"],
  ["creator", `/creators/${ada.id}`, "bob"],
  ["creator-playlists", `/creators/${ada.id}?show=playlists`, "bob"],
  ["creator-posts", `/creators/${ada.id}?show=posts`, "bob"],
  ["subscriptions", "/subscriptions", "bob"],
  ["history", "/history", "ada"],
  ["playlists", "/playlists", "ada"],
  ["playlist", `/playlists/${list.id}`, "ada"],
  ["posts", "/posts", "ada"],
  ["post", `/posts/${post.id}`, "ada"],
  ["projects", "/projects", "ada"],
  ["project", `/projects/${project.id}`, "ada"],
  ["studio", "/studio", "ada"],
  ["studio-media", `/studio/${media.id}`, "ada"],
  ["become-creator", "/upload", "bob"],
  ["settings", "/settings", "ada"],
  ["settings-account", "/settings/account", "ada"],
  ["settings-sessions", "/settings/sessions", "ada"],
  ["settings-usage", "/settings/usage", "ada"],
  ["settings-tokens", "/settings/tokens", "ada"],
  ["settings-webhooks", "/settings/webhooks", "ada"],
  ["settings-people", "/settings/people", "ada"],
  ["settings-decisions", "/settings/decisions", "ada"],
  ["verify-email", "/verify-email", "ada"],
  ["admin", "/admin", "root"],
  ["admin-reports", "/admin/reports", "root"],
  ["admin-decisions", "/admin/decisions", "root"],
  ["admin-users", "/admin/users", "root"],
  ["admin-queue", "/admin/queue", "root"],
  ["admin-workers", "/admin/workers", "root"],
  ["admin-storage", "/admin/storage", "root"],
  ["admin-settings", "/admin/settings", "root"],
  ["admin-categories", "/admin/categories", "root"],
  ["admin-audit", "/admin/audit", "root"],
  ["admin-health", "/admin/health", "root"],
  ["docs", "/api/docs", "nobody"],
];
