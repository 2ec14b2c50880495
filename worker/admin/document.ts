// The OpenAPI document of the gateway's own paths, as it was built beside this very Worker (docs/openapi.json): another version's is never
// told. It lies among the static assets, so the Worker carries none of it, and is handed out here alone, to those who may look.
import { asset } from "./assets.ts";
import type { Asked } from "./context.ts";
import { refusal } from "./refuse.ts";

/** `GET openapi.json`. */
export async function getDocument(c: Asked): Promise<Response> {
  const file = await asset(c, "openapi.json", c.req.header("if-none-match"));
  if (file === undefined) return refusal(c, { code: "files_missing" });
  const headers = new Headers({ "content-type": "application/json" });
  const etag = file.headers.get("etag");
  if (etag !== null) headers.set("etag", etag);
  return new Response(file.body, { status: file.status, headers });
}
