import { describe, expect, it } from "vitest";
import { liveFigures, readKnock, readWish, type Knock } from "../../../worker/core/insight/live.ts";
import { LIVE_KINDS } from "../../../worker/core/protocol/live.ts";

const TICKET = "0123456789abcdef".repeat(4);
const knock = (change: Partial<Knock> = {}): Knock => ({
  ...{ upgrade: "websocket", origin: "https://gateway.test", host: "gateway.test" },
  protocols: `sluice.live, ticket.${TICKET}`,
  ...change,
});

describe("a handshake", () => {
  it.each([
    [{}, { kind: "ticket", ticket: TICKET }],
    [
      { upgrade: "WebSocket", origin: "http://gateway.test" },
      { kind: "ticket", ticket: TICKET },
    ],
    [{ protocols: `ticket.${TICKET},sluice.live` }, { kind: "ticket", ticket: TICKET }],
    [{ upgrade: null }, { kind: "refused", why: "no_upgrade" }],
    [{ upgrade: "h2c" }, { kind: "refused", why: "no_upgrade" }],
    [{ origin: null }, { kind: "refused", why: "origin" }],
    [{ origin: "null" }, { kind: "refused", why: "origin" }],
    [{ origin: "https://gateway.test:8443" }, { kind: "refused", why: "origin" }],
    [{ origin: "https://gateway.test.evil.test" }, { kind: "refused", why: "origin" }],
    [{ origin: "https://evil.test/gateway.test" }, { kind: "refused", why: "origin" }],
    [{ protocols: null }, { kind: "refused", why: "ticket" }],
    [{ protocols: "sluice.live" }, { kind: "refused", why: "ticket" }],
    [{ protocols: `ticket.${TICKET}` }, { kind: "refused", why: "ticket" }],
    [{ protocols: `sluice.live, ticket.${TICKET}0` }, { kind: "refused", why: "ticket" }],
    [{ protocols: `a,b,c,sluice.live,ticket.${TICKET}` }, { kind: "refused", why: "ticket" }],
  ] as const)("%j: %j", (change, answer) => {
    expect(readKnock(knock(change))).toEqual(answer);
  });
});

describe("a wish", () => {
  it.each([
    ['{"kinds":["service","fleet"]}', ["fleet", "service"]],
    ['{"kinds":[]}', []],
    ['{"kinds":["secrets","fleet","fleet"]}', ["fleet"]],
    ["{", undefined],
    ["null", undefined],
    ['"fleet"', undefined],
    ['{"kinds":"fleet"}', undefined],
    [JSON.stringify({ kinds: Array.from({ length: LIVE_KINDS.length + 1 }, () => "fleet") }), undefined],
    [`{"kinds":["fleet"]}${" ".repeat(512)}`, undefined],
  ])("%s", (text, kinds) => {
    expect(readWish(text)).toEqual(kinds);
  });
});

it("figures are those of the kinds that are wanted, a second's share of the window", () => {
  const slices = {
    fleet: { requests: 50, failed: 5 },
    "service web": { requests: 40 },
    "route GET /*": { requests: 40 },
    "level edge": { hits: 3 },
  };
  expect(liveFigures(slices, ["service", "level"], 9_000)).toMatchObject({
    ...{ at: 9_000, seconds: 5 },
    series: { "service web": { requests: 40, requests_per_second: 8 }, "level edge": { cache_hits: 3 } },
  });
  expect(Object.keys(liveFigures(slices, ["fleet"], 9_000).series)).toEqual(["fleet"]);
});
