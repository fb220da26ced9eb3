// What this browser remembers. Where it may remember nothing, everything works but for that.
const PREFIX = "sluice.";

export function read(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

export function write(key: string, value: string | null) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, value);
  } catch {
    // Full, or not allowed.
  }
}

export function readJson<T>(key: string, otherwise: T): T {
  try {
    return JSON.parse(read(key) ?? "") as T;
  } catch {
    return otherwise;
  }
}

export function writeJson(key: string, value: unknown) {
  write(key, JSON.stringify(value));
}
