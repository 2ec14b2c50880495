// The honest floor: bare, plus the header work that a correct proxy owes, written by hand in one file and nothing else:
// no routing, no policy, no deadline, no counting. It keeps back and adds exactly the fields that the gateway does, and
// the benchmark refuses to run when the two differ by one. Each line is the cheapest form that was measured on workerd:
// an init object rather than a Request (which copies `cf` and more), one pass over the names, `new Response(body, r)`.
export interface Env {
  readonly UPSTREAM: string;
  readonly AUTHORITY: string;
}

/** Names that never go upstream (the reasons stand in worker/core/http/fields.ts). */
const KEPT_BACK = new Set(
  `connection keep-alive te trailer transfer-encoding upgrade expect forwarded x-real-ip true-client-ip client-ip
   x-client-ip x-cluster-client-ip x-originating-ip x-remote-ip x-remote-addr fastly-client-ip x-azure-clientip
   wl-proxy-client-ip x-original-url x-original-uri x-original-path x-original-host x-original-method
   x-original-forwarded-for x-original-remote-addr x-rewrite-url x-host x-http-host-override x-scheme x-url-scheme
   front-end-https x-http-method-override x-http-method x-method-override proxy x-middleware-subrequest
   x-sendfile-type x-accel-mapping`.split(/\s+/),
);

function staysBack(name: string): boolean {
  switch (name.charCodeAt(0)) {
    case 120: // x
      if (name.charCodeAt(1) !== 45) return false;
      switch (name.charCodeAt(2)) {
        case 102: // f
          return name.startsWith("x-forwarded") || name.startsWith("x-forward-");
        case 117: // u
          return name.startsWith("x-upstream") || KEPT_BACK.has(name);
        case 98: // b
          return name.startsWith("x-backend");
        case 116: // t
          return name.startsWith("x-target");
        case 101: // e
          return name.startsWith("x-envoy-");
        case 115: // s
          return name.startsWith("x-ssl-client") || name.startsWith("x-sluice-") || KEPT_BACK.has(name);
        case 99: // c
          return name.startsWith("x-client-cert") || KEPT_BACK.has(name);
        case 112: // p
          return name.startsWith("x-proxy-");
        default:
          return KEPT_BACK.has(name);
      }
    case 99: // c
      return name.startsWith("cf-") || KEPT_BACK.has(name);
    case 112: // p
      return name.startsWith("proxy-") || name === "proxy";
    case 101: // e
    case 102: // f
    case 107: // k
    case 116: // t
    case 117: // u
    case 119: // w
      return KEPT_BACK.has(name);
    default:
      return false;
  }
}

/** Fields that Connection may not take away, though it names them: enough of them for an honest comparison. */
const END_TO_END = new Set([
  "authorization",
  "cache-control",
  "cookie",
  "host",
  "content-length",
  "content-type",
  "via",
]);

function dropNamed(headers: Headers, connection: string): void {
  for (const option of connection.split(",")) {
    const name = option.trim().toLowerCase();
    if (name === "" || name === "close" || name === "keep-alive" || END_TO_END.has(name)) continue;
    headers.delete(name);
  }
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
function random32(): string {
  const bits = (Math.random() * 4294967296) | 0;
  return HEX[(bits >>> 24) & 255]! + HEX[(bits >>> 16) & 255]! + HEX[(bits >>> 8) & 255]! + HEX[bits & 255]!;
}

let lastMs = -1;
let lastTime = "";

function newId(): string {
  const now = Date.now();
  if (now !== lastMs) {
    lastMs = now;
    const time = now.toString(16).padStart(12, "0");
    lastTime = `${time.slice(0, 8)}-${time.slice(8)}-7`;
  }
  const chance = random32() + random32();
  return `${lastTime}${chance.slice(0, 3)}-8${chance.slice(3, 6)}-${chance.slice(6, 10)}${random32()}`;
}

const tenths = (ms: number): number => Math.round(ms * 10) / 10;

function forwardHeaders(received: Headers, scheme: string, authority: string, id: string, trace: string): Headers {
  const headers = new Headers(received);
  for (const name of received.keys()) if (staysBack(name)) headers.delete(name);
  const connection = received.get("connection");
  if (connection !== null && connection !== "keep-alive") dropNamed(headers, connection);
  const address = received.get("cf-connecting-ip");
  if (address !== null) headers.set("x-forwarded-for", address);
  headers.set("x-forwarded-host", authority);
  headers.set("x-forwarded-proto", scheme);
  headers.set("forwarded", `for=${address ?? "unknown"};host=${authority};proto=${scheme}`);
  headers.append("via", "1.1 sluice");
  headers.append("cdn-loop", "sluice");
  headers.set("traceparent", trace);
  headers.set("x-proxy-correlation-id", id);
  headers.set("x-proxy-request-id", id);
  return headers;
}

export default {
  fetch: (request: Request, env: Env): Promise<Response> => forward(request, env, request.body),
};

/** `take`: what goes to the client of an answer instead of its body as it is; for `reading.ts`. */
export async function forward(
  request: Request,
  env: Env,
  body: ReadableStream | string | null,
  take?: (upstream: Response) => Promise<string>,
): Promise<Response> {
  const began = performance.now();
  const { url, headers: received } = request;
  const slash = url.indexOf("/", 8);
  const scheme = url.charCodeAt(4) === 58 ? "http" : "https";
  const authority = url.slice(scheme.length + 3, slash);
  const id = received.get("x-correlation-id") ?? newId();
  const parent = received.get("traceparent");
  const trace = `00-${parent === null ? random32() + random32() + random32() + random32() : parent.slice(3, 35)}-${random32()}${random32()}-01`;

  const sent = performance.now();
  const upstream = await fetch(env.UPSTREAM + url.slice(slash), {
    method: request.method,
    headers: forwardHeaders(received, scheme, authority, id, trace),
    body,
    redirect: "manual",
  });
  const upstreamMs = performance.now() - sent;

  const answer = new Response(take === undefined ? upstream.body : await take(upstream), upstream);
  const { headers, status } = answer;
  const connection = headers.get("connection");
  if (connection !== null && connection !== "keep-alive") dropNamed(headers, connection);
  if (headers.has("proxy-connection")) headers.delete("proxy-connection");
  if (headers.has("alt-svc")) headers.delete("alt-svc");
  if (status === 201 || (status >= 300 && status < 400)) {
    const location = headers.get("location");
    if (location !== null && location.startsWith(env.UPSTREAM)) {
      headers.set("location", `${scheme}://${authority}${location.slice(env.UPSTREAM.length)}`);
    }
  }
  if (headers.has("set-cookie")) rewriteCookies(headers, env.AUTHORITY);
  headers.set("x-correlation-id", id);
  headers.set("traceparent", trace);
  headers.append("via", "1.1 sluice");
  headers.append("cache-status", "sluice; fwd=bypass");
  const ownMs = performance.now() - began - upstreamMs;
  headers.append("server-timing", `sluice;dur=${tenths(ownMs)}, upstream;dur=${tenths(upstreamMs)}`);
  headers.set("x-sluice-generation", "1");
  headers.set("x-sluice-service", "orders");
  headers.set("x-sluice-instance", "orders-1");
  headers.set("x-sluice-attempts", "1");
  return answer;
}

/** A cookie's Domain names the upstream, which the client does not know: without one it is the gateway's host. */
function rewriteCookies(headers: Headers, authority: string): void {
  const cookies = headers.getSetCookie();
  headers.delete("set-cookie");
  for (const cookie of cookies) {
    const attributes = cookie.split(";");
    const kept = attributes.filter((attribute) => attribute.trim().toLowerCase() !== `domain=${authority}`);
    headers.append("set-cookie", kept.join(";"));
  }
}
