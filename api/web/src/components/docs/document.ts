// An OpenAPI document as the page shows it. Only what this service's document uses is read.
export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: unknown[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  oneOf?: Schema[];
  allOf?: Schema[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
}

interface Content {
  schema?: Schema;
}

export interface Parameter {
  name: string;
  in: "path" | "query" | "header" | "cookie";
  description?: string;
  required?: boolean;
  schema?: Schema;
}

interface Raw {
  operationId: string;
  tags?: string[];
  summary?: string;
  description?: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, Content> };
  responses: Record<string, { description: string; content?: Record<string, Content> }>;
  security?: Record<string, string[]>[];
}

export interface Document {
  paths: Record<string, Record<string, Raw>>;
  components: { schemas: Record<string, Schema> };
  tags?: { name: string; description?: string }[];
}

export interface Operation extends Raw {
  id: string;
  method: string;
  path: string;
  summary: string;
}

export function operationsOf(api: Document) {
  const all: Operation[] = Object.entries(api.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, raw]) => ({ ...raw, id: raw.operationId, method: method.toUpperCase(), path, summary: raw.summary ?? raw.operationId })),
  );
  const tags = api.tags ?? [...new Set(all.flatMap((o) => o.tags ?? []))].map((name) => ({ name, description: "" }));
  return tags.map(({ name, description }) => ({ tag: name, description, operations: all.filter((o) => o.tags?.[0] === name) }));
}

export function resolve(api: Document, schema: Schema | undefined): Schema {
  if (!schema) return {};
  const named = schema.$ref?.split("/").at(-1);
  if (named) return api.components.schemas[named] ?? {};
  if (schema.allOf) {
    const parts = schema.allOf.map((part) => resolve(api, part));
    return { ...schema, properties: Object.assign({}, ...parts.map((p) => p.properties)), required: parts.flatMap((p) => p.required ?? []) };
  }
  return schema;
}

/** A schema in one line. */
export function typeOf(schema: Schema | undefined): string {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").at(-1) ?? "";
  if (schema.oneOf) return schema.oneOf.map(typeOf).join(" | ");
  if (schema.enum) return schema.enum.map((e) => JSON.stringify(e)).join(" | ");
  if (schema.items) return `${typeOf(schema.items)}[]`;
  const type = [schema.type ?? "any"].flat().join(" | ");
  return schema.format ? `${type} (${schema.format})` : type;
}

/** Something that has the form of a schema. */
export function example(api: Document, schema: Schema | undefined, depth = 0): unknown {
  const s = resolve(api, schema);
  const inner = s.oneOf?.find((o) => o.type !== "null");
  if (inner) return depth > 3 ? null : example(api, inner, depth);
  if (s.enum) return s.enum[0];
  const type = [s.type ?? ""].flat().find((t) => t !== "null");
  if (s.properties && depth < 4) {
    const wanted = Object.entries(s.properties).filter(([name]) => s.required?.includes(name));
    return Object.fromEntries((wanted.length ? wanted : Object.entries(s.properties)).map(([name, p]) => [name, example(api, p, depth + 1)]));
  }
  switch (type) {
    case "array": return depth > 3 ? [] : [example(api, s.items, depth + 1)];
    case "integer":
    case "number": return s.minimum ?? 0;
    case "boolean": return false;
    case "object": return {};
    default: return s.format === "uuid" ? "01990000-0000-7000-8000-000000000000" : s.format === "email" ? "ada@example.org" : "…";
  }
}
