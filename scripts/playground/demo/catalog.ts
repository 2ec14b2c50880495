// `catalog`: a shop for used cameras as it would be written by hand: pages with links, pictures and a style sheet, gzip,
// conditional requests, redirects, cookies; and the JSON paths that the cache rules of the policy are about.
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { notFound, readJson, sendJson, urlOf } from "./instance.ts";
import type { Handler } from "./instance.ts";

interface Camera {
  readonly slug: string;
  readonly name: string;
  readonly year: number;
  readonly euros: number;
  readonly colour: string;
  readonly words: string;
}

const CAMERAS: readonly Camera[] = [
  {
    slug: "rolleiflex-automat",
    name: "Rolleiflex Automat",
    year: 1951,
    euros: 640,
    colour: "#3d4a57",
    words: "Twin lens, 6×6 on 120 film. Shutter timed last spring; the viewing mirror is new, the leather is not.",
  },
  {
    slug: "nikon-fm2",
    name: "Nikon FM2n",
    year: 1984,
    euros: 380,
    colour: "#1f2933",
    words: "Works without a battery down to 1/4000 s. Light seals replaced, a small dent at the base plate.",
  },
  {
    slug: "olympus-xa",
    name: "Olympus XA",
    year: 1979,
    euros: 190,
    colour: "#52606d",
    words: "The smallest rangefinder there is. The patch is bright and the clamshell closes with its click.",
  },
  {
    slug: "zenit-e",
    name: "Zenit E",
    year: 1968,
    euros: 45,
    colour: "#7b8794",
    words: "Half a kilo of Krasnogorsk metal with the Helios 44-2. Selenium meter alive and, for once, right.",
  },
  {
    slug: "pentax-67",
    name: "Pentax 67",
    year: 1989,
    euros: 980,
    colour: "#102a43",
    words: "A camera that is heard across the street. Mirror lock-up, wooden grip, the 105 mm f/2.4.",
  },
  {
    slug: "minox-35-gt",
    name: "Minox 35 GT",
    year: 1981,
    euros: 120,
    colour: "#243b53",
    words: "Fits where a pack of cards fits. New battery door, sharp from f/4 on.",
  },
];

const STYLE = `body{font:16px/1.5 Georgia,serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#102a43}
a{color:#0967d2}h1{font-size:1.6rem}ul{list-style:none;padding:0;display:grid;grid-template-columns:repeat(3,1fr);gap:1rem}
img{width:100%;background:#f0f4f8;border-radius:4px}.price{color:#627d98}footer{margin-top:3rem;font-size:.85rem;color:#829ab1}
`;

const picture = ({ name, colour }: Camera): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 80" role="img" aria-label="${name}">` +
  `<rect x="14" y="24" width="92" height="44" rx="6" fill="${colour}"/><rect x="46" y="14" width="28" height="12" rx="3" fill="${colour}"/>` +
  `<circle cx="60" cy="46" r="17" fill="#d9e2ec"/><circle cx="60" cy="46" r="11" fill="#102a43"/><circle cx="64" cy="42" r="3" fill="#bcccdc"/>` +
  `<rect x="20" y="28" width="12" height="5" rx="2" fill="#f0b429"/></svg>\n`;

/** `edition` tells the canary's pages from the others'. */
function page(title: string, edition: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${title} · Second Shutter</title><link rel="stylesheet" href="/style.css"></head>
<body>
<h1><a href="/">Second Shutter</a></h1>
${body}
<footer>Used cameras, looked after. Shop ${edition}. <a href="/cart">Cart</a> · <a href="/login">Log in</a></footer>
</body>
</html>
`;
}

const front = (edition: string): string =>
  page(
    "Used cameras",
    edition,
    `<ul>\n${CAMERAS.map(
      (camera) =>
        `<li><a href="/products/${camera.slug}"><img src="/images/${camera.slug}.svg" alt="">${camera.name}</a> ` +
        `<span class="price">${camera.euros} €</span></li>`,
    ).join("\n")}\n</ul>`,
  );

const product = (camera: Camera, edition: string): string =>
  page(
    camera.name,
    edition,
    `<h2>${camera.name}, ${camera.year}</h2>\n<img src="/images/${camera.slug}.svg" alt="${camera.name}">\n` +
      `<p>${camera.words}</p>\n<p class="price">${camera.euros} €</p>`,
  );

const MADE = new Date("2026-10-05T08:00:00Z").toUTCString();

/** Text with what a careful origin sends along: validators, gzip where it is taken, and Vary because of it. */
function sendText(
  request: IncomingMessage,
  response: ServerResponse,
  type: string,
  text: string,
  caching: string,
): void {
  const zips = /\bgzip\b/.test(request.headers["accept-encoding"] ?? "");
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 16);
  const tag = `"${hash}${zips ? "-gzip" : ""}"`;
  const headers = { ETag: tag, "Last-Modified": MADE, Vary: "Accept-Encoding", "Cache-Control": caching };
  if (request.headers["if-none-match"] === tag) {
    response.writeHead(304, headers).end();
    return;
  }
  const bytes = zips ? gzipSync(text) : Buffer.from(text);
  if (zips) response.setHeader("Content-Encoding", "gzip");
  response.writeHead(200, { ...headers, "Content-Type": type, "Content-Length": bytes.length }).end(bytes);
}

const findCamera = (slug: string): Camera | undefined => CAMERAS.find((camera) => camera.slug === slug);

/** Sales of a day, the same each time it is asked: a pure function of the date. */
function salesOn(day: string): { day: string; sold: number; euros: number } {
  const seed = createHash("sha256").update(day).digest();
  const camera = CAMERAS[(seed[0] ?? 0) % CAMERAS.length];
  const sold = 1 + ((seed[1] ?? 0) % 6);
  return { day, sold, euros: sold * (camera?.euros ?? 0) };
}

function report(request: IncomingMessage, response: ServerResponse): void {
  const month = /^\d{4}-(0[1-9]|1[0-2])$/.exec(urlOf(request).searchParams.get("date_range") ?? "2026-10")?.[0];
  if (month === undefined) return sendJson(response, 400, { error: "date_range is a month such as 2026-10" });
  const days = new Date(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)), 0)).getUTCDate();
  const sales = Array.from({ length: days }, (_, day) => salesOn(`${month}-${String(day + 1).padStart(2, "0")}`));
  sendJson(response, 200, { month, sales, euros: sales.reduce((sum, { euros }) => sum + euros, 0) });
}

async function query(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readJson(request);
  const most = typeof body === "object" && body !== null && "maxEuros" in body ? Number(body.maxEuros) : Number.NaN;
  if (Number.isNaN(most))
    return sendJson(response, 422, { error: 'a JSON object such as {"maxEuros": 200} is needed' });
  sendJson(response, 200, {
    items: CAMERAS.filter(({ euros }) => euros <= most).map(({ slug, name, euros }) => ({ slug, name, euros })),
  });
}

function cart(request: IncomingMessage, response: ServerResponse, edition: string): void {
  const visits = Number(/(?:^|; )visits=(\d{1,6})/.exec(request.headers.cookie ?? "")?.[1] ?? 0) + 1;
  response.setHeader("Set-Cookie", [
    `visits=${visits}; Path=/; Max-Age=86400`,
    "currency=EUR; Path=/; SameSite=Lax",
    "session=demo; Path=/; HttpOnly",
  ]);
  sendText(
    request,
    response,
    "text/html; charset=utf-8",
    page("Cart", edition, `<p>Visit ${visits}. Nothing in it yet.</p>`),
    "private",
  );
}

/** `edition` is written at the foot of each page. */
export const catalog =
  (edition: string): Handler =>
  (request, response, instance) => {
    const { pathname } = urlOf(request);
    const html = (text: string): void =>
      sendText(request, response, "text/html; charset=utf-8", text, "public, max-age=10");
    const [, kind, slug = ""] = /^\/(products|images)\/([a-z0-9-]+)(?:\.svg)?$/.exec(pathname) ?? [];
    const camera = findCamera(slug);
    if (camera !== undefined) {
      if (kind === "products") return html(product(camera, edition));
      return sendText(request, response, "image/svg+xml", picture(camera), "public, max-age=3600");
    }
    switch (pathname) {
      case "/":
        return html(front(edition));
      case "/style.css":
        return sendText(request, response, "text/css", STYLE, "public, max-age=3600");
      case "/cart":
        return cart(request, response, edition);
      case "/shop":
        response.writeHead(301, { Location: "/", "Content-Length": 0 }).end();
        return;
      case "/login":
        // Absolute, with the host that was asked: a gateway has to turn it into its own.
        response
          .writeHead(302, { Location: `http://${request.headers.host}/?welcome=back`, "Content-Length": 0 })
          .end();
        return;
      case "/health":
        return sendJson(response, 200, { status: "ok", instance: instance.id });
      case "/config/shop":
        return sendJson(response, 200, { currency: "EUR", shipsTo: ["NL", "DE", "FR", "PL"], returnDays: 30 });
      case "/reports/sales":
        return report(request, response);
      case "/query":
        void query(request, response).catch(() => response.destroy());
        return;
      default:
        notFound(request, response);
    }
  };
