// A list that comes in pages.
import { asError, type ApiError } from "./api";

interface Page<T> {
  items: T[];
  next_cursor?: string | number | null;
}

export class Pages<T> {
  items = $state<T[]>([]);
  loaded = $state(false);
  busy = $state(false);
  error = $state<ApiError | null>(null);
  more = $state(false);
  #cursor: string | undefined;
  readonly #load: (cursor: string | undefined) => Promise<Page<T>>;

  constructor(load: (cursor: string | undefined) => Promise<Page<T>>) {
    this.#load = load;
    void this.next();
  }

  next = async () => {
    if (this.busy) return;
    this.busy = true;
    this.error = null;
    try {
      const page = await this.#load(this.#cursor);
      this.items = [...this.items, ...page.items];
      this.#cursor = page.next_cursor == null ? undefined : String(page.next_cursor);
      this.more = this.#cursor !== undefined;
      this.loaded = true;
    } catch (error) {
      this.error = asError(error);
    }
    this.busy = false;
  };

  /** All pages that are left, or those up to one that cannot be had. */
  async rest() {
    while (this.more && !this.error) await this.next();
  }

  async again() {
    this.#cursor = undefined;
    const before = this.items;
    this.items = [];
    await this.next();
    if (this.error) this.items = before;
  }

  remove(item: T) {
    this.items = this.items.filter((i) => i !== item);
  }
}
