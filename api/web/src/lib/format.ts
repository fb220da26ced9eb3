// Numbers, sizes, lengths and instants as people of a language write them.
import { locale, t } from "./i18n.svelte";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

export function bytes(n: number): string {
  const step = n < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(n) / 3));
  const value = n / 1000 ** step;
  const digits = { maximumFractionDigits: step > 0 && value < 10 ? 1 : 0 };
  return new Intl.NumberFormat(locale(), { style: "unit", unit: UNITS[step], unitDisplay: "short", ...digits }).format(value);
}

export const count = (n: number) =>
  new Intl.NumberFormat(locale(), { notation: "compact", maximumFractionDigits: 1 }).format(n);

export const percent = (part: number) =>
  new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 0 }).format(part);

/** A moment of a film: 1:02:03. */
export function clock(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const [h, m, rest] = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(rest)}` : `${m}:${two(rest)}`;
}

/** Milliseconds of 1:02:03 or 75; nothing where it is no moment. */
export function moment(text: string): number | null {
  const parts = text.trim().split(":").map((p) => (/^\d+(\.\d+)?$/.test(p) ? Number(p) : NaN));
  if (!text.trim() || parts.length > 3 || parts.some(Number.isNaN)) return null;
  return Math.round(parts.reduce((sum, part) => sum * 60 + part, 0) * 1000);
}

/** How long something takes, roughly. */
export function span(ms: number): string {
  const unit = (value: number, unit: string) =>
    new Intl.NumberFormat(locale(), { style: "unit", unit, unitDisplay: "long" }).format(value);
  const s = Math.max(1, Math.round(ms / 1000));
  if (s < 90) return unit(s, "second");
  if (s < 5400) return unit(Math.round(s / 60), "minute");
  return unit(Math.round(s / 3600), "hour");
}

export function ago(at: number): string {
  const s = (at - Date.now()) / 1000;
  if (Math.abs(s) < 45) return t("just now");
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: "auto" });
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [["minute", 60], ["hour", 3600], ["day", 86400], ["month", 2629800], ["year", 31557600]];
  const [unit, size] = steps.findLast(([, size]) => Math.abs(s) >= size * 0.95) ?? ["minute", 60];
  return format.format(Math.round(s / size), unit);
}

export const date = (at: number) =>
  new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(at);

/** What tells the placeholder of one thing from another's: degrees of a colour wheel. */
export function hue(text: string): number {
  let sum = 7;
  for (const c of text) sum = (sum * 31 + (c.codePointAt(0) ?? 0)) % 360;
  return sum;
}
