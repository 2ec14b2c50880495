// `flaky`: fails and dawdles on demand, to see what a gateway makes of it.
// `/fail?status=503&rate=0.3` answers that status in three of ten cases, `/slow?ms=800` answers that much later,
// `/cut` breaks off in the middle of its body.
import { notFound, sendJson, urlOf } from "./instance.ts";
import type { Handler } from "./instance.ts";

const bounded = (written: string | null, fallback: number, least: number, most: number): number => {
  const number = written === null ? fallback : Number(written);
  return Number.isFinite(number) ? Math.min(most, Math.max(least, number)) : fallback;
};

export const flaky: Handler = (request, response, instance) => {
  const { pathname, searchParams } = urlOf(request);
  const body = { instance: instance.id, path: pathname };
  switch (pathname) {
    case "/fail": {
      const status = Math.floor(bounded(searchParams.get("status"), 503, 400, 599));
      const fails = Math.random() < bounded(searchParams.get("rate"), 1, 0, 1);
      if (status === 429 && fails) response.setHeader("Retry-After", "2");
      return sendJson(response, fails ? status : 200, body);
    }
    case "/slow": {
      const late = setTimeout(() => sendJson(response, 200, body), bounded(searchParams.get("ms"), 1000, 0, 60_000));
      response.on("close", () => clearTimeout(late));
      return;
    }
    case "/cut":
      response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": 1000 });
      response.write("the first of a thousand bytes", () => response.destroy());
      return;
    case "/":
    case "/health":
      return sendJson(response, 200, { ...body, status: "ok" });
    default:
      notFound(request, response);
  }
};
