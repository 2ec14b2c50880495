// Live figures for the dashboard. A browser cannot send a bearer token with a WebSocket, so whoever may look asks for a ticket first, which
// is good for one socket within 30 seconds and travels in Sec-WebSocket-Protocol, never in a URL. What cannot be one is turned away
// here, and so are too many guesses; the object behind knows its tickets and keeps the socket.
import { readKnock } from "../core/insight/live.ts";
import { INSIGHT_NAME } from "../core/protocol/names.ts";
import type { Asked } from "./context.ts";
import { refusal, unavailable } from "./refuse.ts";

/** Handshakes a second that an isolate passes on: nobody who has a ticket needs more, and a flood of guesses stays here. */
const MOST_A_SECOND = 20;
let passed = { second: 0, count: 0 };

/** `POST live`. */
export async function askForTicket(c: Asked): Promise<Response> {
  const ticket = await c.get("isolate").objects.askInsight((insight) => insight.liveTicket());
  if (!ticket.ok) return unavailable(c);
  return ticket.value === undefined ? refusal(c, { code: "overloaded", retryAfterMs: 30_000 }) : c.json(ticket.value);
}

/** `GET /_sluice/live`, a handshake: whoever has a ticket needs no token. */
export async function watch(c: Asked): Promise<Response> {
  const answer = readKnock({
    upgrade: c.req.header("upgrade") ?? null,
    origin: c.req.header("origin") ?? null,
    protocols: c.req.header("sec-websocket-protocol") ?? null,
    host: new URL(c.req.url).host,
  });
  if (answer.kind === "refused") return refuse(c, answer.why);
  const second = Math.floor(c.get("isolate").now() / 1_000);
  if (passed.second !== second) passed = { second, count: 0 };
  if (++passed.count > MOST_A_SECOND) return refusal(c, { code: "rate_limited", retryAfterMs: 1_000 });
  const opened = await c.env.INSIGHT.getByName(INSIGHT_NAME)
    .fetch(c.req.raw)
    .catch((error: unknown) => {
      console.error(`${c.get("correlationId")}: live figures: ${String(error)}`);
      return undefined;
    });
  if (opened?.webSocket != null) {
    return new Response(null, { status: 101, webSocket: opened.webSocket, headers: opened.headers });
  }
  return opened?.status === 401 ? refuse(c, "ticket") : unavailable(c);
}

function refuse(c: Asked, why: "no_upgrade" | "origin" | "ticket"): Response {
  switch (why) {
    case "no_upgrade":
      return refusal(c, { code: "upgrade_required", upgrade: "websocket" });
    case "origin":
      return refusal(c, { code: "forbidden" });
    case "ticket":
      return refusal(c, { code: "unauthenticated", challenge: 'Bearer realm="sluice"' });
  }
}
