// What the service is told while somebody watches: a view, and where they are.
import { api, type Media, ok } from "./api";
import { session } from "./session.svelte";

const EVERY_MS = 10_000;
/** What is nearly over begins anew. */
const END = 0.95;

/** Where this person stopped, seconds; 0 where they have not begun or were through. */
export async function stoppedAt(media: Media): Promise<number> {
  if (!session.user) return 0;
  try {
    // Asking for one that was never watched would be an error in the browser's console.
    const query = { unfinished: true, limit: 100 };
    const history = await ok(api.GET("/api/v1/me/history", { params: { query } }));
    const found = history.items.find((item) => item.media.id === media.id)?.position.position_ms ?? 0;
    return media.duration_ms && found > media.duration_ms * END ? 0 : found / 1000;
  } catch {
    return 0;
  }
}

export class Watching {
  readonly #media: Media;
  #counted = false;
  #told = 0;
  #at = 0;

  constructor(media: Media) {
    this.#media = media;
  }

  played() {
    if (this.#counted) return;
    this.#counted = true;
    void api.POST("/api/v1/media/{id}/views", { params: { path: { id: this.#media.id } } }).catch(() => null);
  }

  moved(seconds: number) {
    this.#at = seconds;
    if (!this.#counted || !session.user || Date.now() - this.#told < EVERY_MS) return;
    this.tell();
  }

  /** Now, such as before the page goes. */
  tell() {
    if (!this.#counted || !session.user || this.#at <= 0) return;
    this.#told = Date.now();
    const params = { path: { id: this.#media.id } };
    void api.PUT("/api/v1/me/history/{id}", { params, body: { position_ms: Math.round(this.#at * 1000) } }).catch(() => null);
  }
}
