// npm run openapi: writes docs/openapi.json, and the page that shows it, from the table of endpoints; a test holds them current.
import { readFileSync, writeFileSync } from "node:fs";
import { openApiDocument } from "./openapi/document.ts";

const at = (file: string): URL => new URL(`../${file}`, import.meta.url);
const { version } = JSON.parse(readFileSync(at("package.json"), "utf8")) as { version: string };
const document = await openApiDocument(version);
writeFileSync(at("docs/openapi.json"), `${JSON.stringify(document, null, 2)}\n`);
