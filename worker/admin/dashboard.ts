// /_sluice/dashboard: the page and its few files, which lie beside the Worker as static assets and are handed out by it alone,
// under a policy that lets the page load and reach nothing but its own origin. It needs no token because it shows nothing without one:
// what it asks of the admin API it asks as the operator who signed in. Where no files are bound, as in a plain workerd that
// was given none, the page says how to get them.
import { asset } from "./assets.ts";
import type { Asked } from "./context.ts";
import { refusal } from "./refuse.ts";

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const PAGE = "index.html";

/** Every file there is; what else may lie among the assets is not handed out. Types are told here: a disk does not know them. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ["app.js", "text/javascript; charset=utf-8"],
  ["app.css", "text/css; charset=utf-8"],
  ["world.json", "application/json"],
  ["icon.svg", "image/svg+xml"],
]);

export async function dashboard(c: Asked): Promise<Response> {
  const file = await asset(c, PAGE);
  const headers = { "content-security-policy": POLICY, "cross-origin-opener-policy": "same-origin" };
  return file === undefined ? c.html(ABSENT, 503) : c.html(await file.text(), 200, headers);
}

export async function dashboardFile(c: Asked): Promise<Response> {
  const name = c.req.param("file") ?? "";
  const type = TYPES.get(name);
  const file = type === undefined ? undefined : await asset(c, name, c.req.header("if-none-match"));
  if (type === undefined || file === undefined) return refusal(c, { code: "not_found" });
  // Kept, and asked about at each use: a page never runs with another version's script.
  const headers = new Headers({ "content-type": type, "cache-control": "no-cache" });
  const etag = file.headers.get("etag");
  if (etag !== null) headers.set("etag", etag);
  return new Response(file.body, { status: file.status, headers });
}

const ABSENT = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sluice</title></head><body>
<h1>The dashboard's files are not here</h1>
<p>The gateway runs, but no files are bound to it as <code>ASSETS</code>.</p>
<p><code>npm run deploy</code> and <code>npm start</code> bring them along. For any other way of running it, make them with
<code>npm run dashboard -- build</code> and bind the folder <code>dist/dashboard</code> as a service called <code>ASSETS</code>.</p>
<p>The admin API under <code>/_sluice/admin/</code>, <code>/_sluice/ready</code> and <code>/_sluice/metrics</code> need none of them.</p>
</body></html>
`;
