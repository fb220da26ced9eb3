// Who is logged in. The tokens are cookies that no script can read; over plain HTTP browsers take no such cookies, some not
// even on this machine, so there the tokens are kept for as long as the tab lives.
import { ApiError, type User } from "./api";
import { absolute, own } from "./router.svelte";
import type { components } from "./schema";
import { read, write } from "./stored";

type LoggedIn = components["schemas"]["LoggedIn"];
const KEY = "session";
const TOKENS = "sluice.tokens";
const cookies = window.isSecureContext;

interface Tokens {
  access: string;
  refresh: string;
}

class Session {
  user = $state<User | null>(null);
  /** The address of their own picture. */
  avatar = $state<string | null>(null);
  /** Whether this browser has been logged in and not out. */
  known = $state(false);
  #expiresAt = 0;
  #refreshing: Promise<boolean> | null = null;

  get creator() {
    return this.user !== null && this.user.role !== "viewer";
  }

  get admin() {
    return this.user?.role === "admin";
  }

  get #tokens(): Tokens | null {
    try {
      return JSON.parse(sessionStorage.getItem(TOKENS) ?? "null");
    } catch {
      return null;
    }
  }

  /** The address of a picture of a media, where an image may have it: one that is private asks for a cookie. */
  picture(media: { visibility: string }, url: string | null | undefined): string | null {
    return url && (media.visibility !== "private" || this.#tokens === null) ? own(url) : null;
  }

  /** A request with the token, where it is not a cookie. */
  signed(request: Request): Request {
    const tokens = this.#tokens;
    if (tokens) request.headers.set("authorization", `Bearer ${tokens.access}`);
    return request;
  }

  /** What a socket says who it belongs to; nothing where a cookie says it. */
  async socketToken(): Promise<string | undefined> {
    await this.keepFresh();
    return this.#tokens?.access;
  }

  async headers(): Promise<Record<string, string>> {
    await this.keepFresh();
    const tokens = this.#tokens;
    return tokens ? { authorization: `Bearer ${tokens.access}` } : {};
  }

  /** Finds out who is logged in; a page that nobody has logged in from asks nothing. */
  async resume() {
    this.known = read(KEY) !== null && (cookies || this.#tokens !== null);
    if (!this.known) return;
    this.#expiresAt = Number(read(KEY));
    await this.keepFresh();
    if (!this.known) return;
    try {
      const response = await fetch(this.signed(new Request(absolute("api/v1/me"))));
      if (response.ok) {
        this.user = await response.json();
        void this.#face();
      }
      else if (response.status === 401) this.#forget();
    } catch {
      // The page says itself that nothing can be reached.
    }
  }

  async #post(path: string, body: object): Promise<Response> {
    const request = new Request(absolute(`api/v1/auth/${path}`), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    try {
      return await fetch(request);
    } catch {
      throw new ApiError(0, {});
    }
  }

  #took(answer: LoggedIn) {
    this.#expiresAt = Date.now() + answer.expires_in * 1000;
    this.known = true;
    write(KEY, String(this.#expiresAt));
    if (answer.access_token) {
      const tokens = { access: answer.access_token, refresh: answer.refresh_token ?? "" };
      sessionStorage.setItem(TOKENS, JSON.stringify(tokens));
    }
    const another = this.user?.id !== answer.user.id;
    this.user = answer.user;
    if (another) void this.#face();
  }

  async #face() {
    try {
      const response = await fetch(this.signed(new Request(absolute("api/v1/me/profile"))));
      if (response.ok) this.avatar = (await response.json()).avatar_url;
    } catch {
      // A letter stands for it.
    }
  }

  async login(login: string, password: string) {
    await this.#begin("login", { login, password }, { login, password });
  }

  /** Registers as a creator where newcomers may be that at once, otherwise as a viewer who can ask. */
  async register(username: string, email: string, password: string) {
    await this.#begin("register", { username, email, password }, { login: username, password });
  }

  async #begin(path: string, body: object, again: object) {
    const answer = await this.#enter(path, { ...body, cookies });
    const kept = !cookies || (await fetch(absolute("api/v1/me"))).ok;
    this.#took(kept ? answer : await this.#enter("login", { ...again, cookies: false }));
  }

  async #enter(path: string, body: object): Promise<LoggedIn> {
    const response = await this.#post(path, body);
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new ApiError(response.status, answer);
    return answer;
  }

  /** Before the access token ends, a new one. */
  async keepFresh() {
    if (this.known && Date.now() > Number(read(KEY) ?? this.#expiresAt) - 30_000) await this.refresh();
  }

  refresh(): Promise<boolean> {
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #refresh(): Promise<boolean> {
    const tokens = this.#tokens;
    const response = await this.#post("refresh", tokens ? { refresh_token: tokens.refresh } : {}).catch(() => null);
    if (response?.ok) {
      this.#took(await response.json());
      return true;
    }
    if (response && response.status < 500) this.#forget();
    return false;
  }

  #forget() {
    this.user = null;
    this.avatar = null;
    this.known = false;
    write(KEY, null);
    sessionStorage.removeItem(TOKENS);
  }

  async logout(everywhere = false) {
    await this.keepFresh();
    const path = everywhere ? "logout-everywhere" : "logout";
    const request = new Request(absolute(`api/v1/auth/${path}`), { method: "POST" });
    await fetch(this.signed(request)).catch(() => null);
    this.#forget();
  }

  /** The account is gone. */
  left() {
    this.#forget();
  }
}

export const session = new Session();
