// Types of the API's client, from the document that the tests of sluice-api hold to its code: what the API does
// not offer, the app cannot ask for.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const at = (path) => new URL(path, import.meta.url);
const snapshot = await readFile(at("../../src/snapshots/sluice_api__surface__openapi.snap"), "utf8");
const document = JSON.parse(snapshot.slice(snapshot.indexOf("\n---\n") + 5));
await writeFile(at("../src/lib/schema.d.ts"), astToString(await openapiTS(document)));
