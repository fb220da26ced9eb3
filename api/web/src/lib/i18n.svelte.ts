// The app's words. English stands in the code; other languages are tables from English to theirs, which
// build/words.mjs keeps complete. To add one: its table in src/locales, and its line here.
import { read, write } from "./stored";

export type Words = Record<string, string>;
type Values = Record<string, string | number>;

export const LANGUAGES = { en: "English", de: "Deutsch" } as const;
export type Language = keyof typeof LANGUAGES;
const TABLES: Record<Exclude<Language, "en">, () => Promise<{ default: Words }>> = {
  de: () => import("../locales/de.json"),
};
const KEY = "language";

const now = $state<{ language: Language; words: Words }>({ language: "en", words: {} });

export const language = () => now.language;

/** For numbers and dates: the language, as it is written where this person lives. */
export const locale = () => navigator.languages.find((l) => l.toLowerCase().startsWith(now.language)) ?? now.language;

export async function startLanguage() {
  const wanted = [read(KEY) ?? "", ...navigator.languages].map((l) => l.slice(0, 2).toLowerCase());
  const known = wanted.find((l): l is Language => l in LANGUAGES) ?? "en";
  await useLanguage(known);
}

export async function useLanguage(language: Language) {
  now.words = language === "en" ? {} : (await TABLES[language]()).default;
  now.language = language;
  document.documentElement.lang = language;
}

export async function chooseLanguage(language: Language) {
  write(KEY, language);
  await useLanguage(language);
}

/** A text in the chosen language, with `{name}` replaced by values. */
export function t(english: string, values: Values = {}): string {
  const text = now.words[english] ?? english;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** The form of a text that belongs to a number, `{n}`. */
export function tn(n: number, one: string, other: string, values: Values = {}): string {
  const form = new Intl.PluralRules(now.language).select(n) === "one" ? one : other;
  return t(form, { n: new Intl.NumberFormat(locale()).format(n), ...values });
}
