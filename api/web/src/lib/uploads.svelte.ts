// Uploads under way, by tus: they go on after a lost connection, and after a reload once the same file is chosen again.
import type { Upload as Tus } from "tus-js-client";
import { ApiError, api, asError, ok, type Progress, type Visibility } from "./api";
import { follow } from "./follow";
import { t } from "./i18n.svelte";
import { absolute, own } from "./router.svelte";
import { session } from "./session.svelte";
import { readJson, writeJson } from "./stored";

const KEY = "uploads";
/** Bytes and times of the last seconds say how fast it goes. */
const WINDOW_MS = 5000;
/** Files that are sent side by side; the others wait. */
const AT_ONCE = 2;

/** An upload that this browser began and has not ended. */
export interface Unfinished {
  fingerprint: string;
  name: string;
  size: number;
  url: string;
  mediaId: string;
  at: number;
}

export type State = "waiting" | "sending" | "paused" | "processing" | "done" | "failed";

export class Upload {
  readonly file: File;
  readonly fingerprint: string;
  title = $state("");
  visibility = $state<Visibility>("private");
  state = $state<State>("waiting");
  sent = $state(0);
  bytesPerSecond = $state(0);
  mediaId = $state("");
  progress = $state<Progress | null>(null);
  error = $state<ApiError | null>(null);
  #tus: Tus | null = null;
  #seen: [number, number][] = [];
  #unfollow: (() => void) | null = null;
  #url = "";

  constructor(file: File, visibility: Visibility) {
    this.file = file;
    this.fingerprint = [file.name, file.size, file.lastModified].join("/");
    this.title = file.name.replace(/\.[^.]+$/, "").replace(/[_]+/g, " ");
    this.visibility = visibility;
    const known = unfinished.list.find((u) => u.fingerprint === this.fingerprint);
    if (known) {
      this.#url = known.url;
      this.mediaId = known.mediaId;
    }
  }

  get playable() {
    return this.progress?.status === "playable" || this.progress?.status === "ready";
  }

  get leftMs() {
    return this.bytesPerSecond > 0 ? ((this.file.size - this.sent) / this.bytesPerSecond) * 1000 : null;
  }

  async start() {
    this.state = "sending";
    this.error = null;
    this.#seen = [];
    const { Upload: Client } = await import("tus-js-client");
    const client = new Client(this.file, {
      endpoint: absolute("api/v1/uploads"),
      uploadUrl: this.#url || null,
      metadata: { filename: this.file.name, title: this.title.trim(), visibility: this.visibility },
      retryDelays: [500, 1000, 2000, 4000, 8000, 15000],
      storeFingerprintForResuming: false,
      onBeforeRequest: async (request) => {
        for (const [name, value] of Object.entries(await session.headers())) request.setHeader(name, value);
      },
      onAfterResponse: (_, response) => {
        const id = response.getHeader("Sluice-Media-Id");
        if (id && !this.mediaId) this.#begun(id);
      },
      onUploadUrlAvailable: () => {
        // The service may be known by another name than that of this page.
        client.url = own(client.url ?? "");
        this.#url = client.url;
        this.#remember();
      },
      onShouldRetry: (error) => {
        const status = error.originalResponse?.getStatus() ?? 0;
        return status === 0 || status === 423 || status === 429 || status >= 500 || status === 409;
      },
      onProgress: (sent) => this.#measure(sent),
      onSuccess: () => this.#arrived(),
      onError: (error) => this.#failed(error),
    });
    this.#tus = client;
    client.start();
  }

  #begun(id: string) {
    this.mediaId = id;
    this.#remember();
    this.#follow();
  }

  #follow() {
    this.#unfollow ??= follow(this.mediaId, (progress) => {
      this.progress = progress;
      if (progress.status === "ready") this.state = "done";
      // Why it failed is known before the sender notices that nobody listens any more.
      if (progress.status === "failed" && this.state !== "paused") this.#refused(progress);
    });
  }

  #refused(progress: Progress) {
    void this.#tus?.abort();
    this.state = "failed";
    this.error = new ApiError(422, { code: progress.error?.code, detail: progress.error?.message });
    this.#forget();
  }

  #measure(sent: number) {
    this.sent = sent;
    const now = performance.now();
    this.#seen.push([now, sent]);
    while (this.#seen.length > 2 && now - (this.#seen[0]?.[0] ?? 0) > WINDOW_MS) this.#seen.shift();
    const [from, before] = this.#seen[0] ?? [now, sent];
    if (now - from > 300) this.bytesPerSecond = Math.max(0, ((sent - before) / (now - from)) * 1000);
  }

  #arrived() {
    this.sent = this.file.size;
    this.#forget();
    if (this.state === "sending") this.state = this.progress?.status === "ready" ? "done" : "processing";
    this.#follow();
    uploads.next();
  }

  #failed(error: Error & { originalResponse?: { getStatus(): number; getBody(): string } | null }) {
    if (this.state === "failed") return uploads.next();
    const status = error.originalResponse?.getStatus() ?? 0;
    if (status === 404 || status === 410) {
      // It was given up or has expired: it begins anew.
      this.#forget();
      this.#url = "";
      this.mediaId = "";
      this.#unfollow?.();
      this.#unfollow = null;
      void this.start();
      return;
    }
    let problem = {};
    try {
      problem = JSON.parse(error.originalResponse?.getBody() ?? "");
    } catch {
      problem = { detail: t("The connection broke. What has arrived stays; you can go on.") };
    }
    this.error = new ApiError(status, problem);
    this.state = status === 0 ? "paused" : "failed";
    if (status !== 0) {
      // What was refused is gone.
      this.#unfollow?.();
      this.#forget();
    }
    uploads.next();
  }

  async pause() {
    this.state = "paused";
    this.bytesPerSecond = 0;
    await this.#tus?.abort();
  }

  /** Gives it up, and the media with it. */
  async cancel() {
    this.#unfollow?.();
    await this.#tus?.abort().catch(() => null);
    this.#forget();
    uploads.remove(this);
    if (this.mediaId) await api.DELETE("/api/v1/media/{id}", { params: { path: { id: this.mediaId } } });
  }

  async retry() {
    this.error = null;
    if (this.progress?.status !== "failed") return this.start();
    try {
      await ok(api.POST("/api/v1/media/{id}/retry", { params: { path: { id: this.mediaId } } }));
      this.state = "processing";
      this.progress = null;
      this.#unfollow = null;
      this.#follow();
    } catch (error) {
      this.error = asError(error);
    }
  }

  /** Title and visibility may change while it is on its way. */
  async describe() {
    if (!this.mediaId) return;
    const body = { title: this.title.trim(), visibility: this.visibility };
    await ok(api.PATCH("/api/v1/media/{id}", { params: { path: { id: this.mediaId } }, body }));
  }

  #remember() {
    if (!this.#url || !this.mediaId) return;
    const { fingerprint, mediaId } = this;
    const one = { fingerprint, name: this.file.name, size: this.file.size, url: this.#url, mediaId, at: Date.now() };
    unfinished.list = [one, ...unfinished.list.filter((u) => u.fingerprint !== fingerprint)].slice(0, 20);
    writeJson(KEY, unfinished.list);
  }

  #forget() {
    forget(this.fingerprint);
  }
}

export const unfinished = $state<{ list: Unfinished[] }>({ list: readJson<Unfinished[]>(KEY, []) });

export function forget(fingerprint: string) {
  unfinished.list = unfinished.list.filter((u) => u.fingerprint !== fingerprint);
  writeJson(KEY, unfinished.list);
}

class Uploads {
  list = $state<Upload[]>([]);

  get busy() {
    return this.list.filter((u) => u.state === "sending" || u.state === "waiting");
  }

  add(files: Iterable<File>, visibility: Visibility) {
    for (const file of files) {
      const upload = new Upload(file, visibility);
      if (!this.list.some((u) => u.fingerprint === upload.fingerprint && u.state !== "failed")) this.list.unshift(upload);
    }
    this.next();
  }

  next() {
    const sending = this.list.filter((u) => u.state === "sending").length;
    const waiting = this.list.filter((u) => u.state === "waiting").reverse();
    for (const upload of waiting.slice(0, Math.max(0, AT_ONCE - sending))) void upload.start();
  }

  remove(upload: Upload) {
    this.list = this.list.filter((u) => u !== upload);
    this.next();
  }
}

export const uploads = new Uploads();

addEventListener("beforeunload", (event) => {
  if (uploads.busy.length) event.preventDefault();
});
