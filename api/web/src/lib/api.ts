// The API: a client with the types of its document, and what goes wrong as one kind of error.
import createClient from "openapi-fetch";
import { t } from "./i18n.svelte";
import { absolute } from "./router.svelte";
import type { components, paths } from "./schema";
import { session } from "./session.svelte";

type Schemas = components["schemas"];
export type Media = Schemas["Media"];
export type MediaWithTracks = Schemas["MediaWithTracks"];
export type Progress = Schemas["Progress"];
export type Comment = Schemas["Comment"];
export type Creator = Schemas["Creator"];
export type Playlist = Schemas["Playlist"];
export type Post = Schemas["Post"];
export type Project = Schemas["Project"];
export type QueuedTask = Schemas["QueuedTask"];
export type User = Schemas["User"];
export type Wait = Schemas["Wait"];
export type Reason = Schemas["Reason"];
export type Chapter = Schemas["Chapter"];
export type Track = Schemas["Track"];
export type Visibility = Schemas["Visibility"];
export type ReportTarget = Schemas["ReportTarget"];
type Problem = Partial<Schemas["Problem"]>;

/** What the API refused, or that it could not be asked. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string;
  readonly fields: { field: string; message: string }[];

  constructor(status: number, problem: Problem) {
    super(problem.detail ?? t("The service answered in a way that this page does not understand."));
    this.status = status;
    this.code = problem.code ?? (status ? "unknown" : "unreachable");
    this.requestId = problem.request_id ?? "";
    this.fields = problem.errors ?? [];
  }

  /** What is wrong with one field. */
  field(name: string): string | undefined {
    const found = this.fields.find((f) => f.field === name);
    return found && found.message[0]?.toUpperCase() + found.message.slice(1);
  }
}

async function asked(request: Request | string, options?: RequestInit): Promise<Response> {
  const first = new Request(request, options);
  await session.keepFresh();
  const again = first.clone();
  let response = await reach(session.signed(first));
  if (response.status === 401 && session.known && (await session.refresh())) {
    response = await reach(session.signed(again));
  }
  return response;
}

async function reach(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, { detail: t("The service cannot be reached. Is the connection down?") });
  }
}

/** Asks as whoever is logged in. */
export const authorized = asked;

export const api = createClient<paths>({ baseUrl: absolute("").replace(/\/$/, ""), fetch: (request) => asked(request) });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer, or an `ApiError`. */
export async function ok<T>(answer: Promise<Answer<T>>): Promise<NonNullable<T>> {
  const { data, error, response } = await answer;
  if (!response.ok) throw new ApiError(response.status, (typeof error === "object" && error ? error : {}) as Problem);
  return data as NonNullable<T>;
}

/** Sends bytes, such as a picture; the answer's JSON. */
export async function put<T>(path: string, body: BodyInit, headers: Record<string, string>): Promise<T> {
  const response = await asked(absolute(path), { method: "PUT", body, headers });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new ApiError(response.status, answer);
  return answer as T;
}

export const asError = (error: unknown): ApiError =>
  error instanceof ApiError ? error : new ApiError(0, { detail: error instanceof Error ? error.message : String(error) });

/** Whether there is nothing, or nothing that this person may see; what is no identifier names nothing either. */
export const isGone = (error: unknown) => [400, 404].includes(asError(error).status);
