import { describe, expect, it } from "vitest";
import { problem, PROBLEMS, problemType } from "../../../worker/core/http/problem.ts";
import type { Refusal, RefusalCode } from "../../../worker/core/http/problem.ts";

/** One refusal of every kind. */
function refusalOf(code: RefusalCode): Refusal {
  switch (code) {
    case "unauthenticated":
      return { code, challenge: 'Bearer realm="sluice"' };
    case "method_not_allowed":
      return { code, allow: "GET, HEAD" };
    case "upgrade_required":
      return { code, upgrade: "websocket" };
    case "media_type_unsupported":
      return { code, accept: "application/json" };
    case "body_invalid":
    case "policy_invalid":
    case "conflict":
      return { code, errors: [{ path: "routes[0].service", message: "names no service" }] };
    case "rate_limited":
    case "no_instance":
    case "breaker_open":
    case "policy_missing":
    case "identity_unavailable":
    case "limits_unavailable":
    case "overloaded":
    case "store_unavailable":
    case "idempotency_key_in_flight":
      return { code, retryAfterMs: 1500 };
    default:
      return { code };
  }
}

const codes = Object.keys(PROBLEMS) as RefusalCode[];

describe("every refusal", () => {
  it.each(codes)("%s is a problem with type, title, status and correlation id", (code) => {
    const answer = problem(refusalOf(code), 'id-"1"');
    const body = JSON.parse(answer.body) as Record<string, unknown>;
    expect(body).toMatchObject({
      type: problemType(code),
      title: PROBLEMS[code].title,
      status: answer.status,
      correlationId: 'id-"1"',
    });
    expect(answer.headers).toMatchObject({ "content-type": "application/problem+json", "cache-control": "no-store" });
    expect(answer.status).toBeGreaterThanOrEqual(400);
  });
});

it.each<[RefusalCode, number]>([
  ["path_ambiguous", 400],
  ["no_route", 404],
  ["body_too_large", 413],
  ["uri_too_long", 414],
  ["headers_too_large", 431],
  ["rate_limited", 429],
  ["upstream_unreachable", 502],
  ["upstream_invalid", 502],
  ["upstream_timeout", 504],
  ["breaker_open", 503],
  ["policy_missing", 503],
  ["identity_unavailable", 503],
  ["not_cached", 504],
  ["loop_detected", 508],
  ["internal", 500],
])("%s answers %i", (code, status) => expect(problem(refusalOf(code), "x").status).toBe(status));

it("a wait is said in the field and in the body, in whole seconds and never as 0", () => {
  const answer = problem({ code: "breaker_open", retryAfterMs: 0 }, "x");
  expect(answer.headers["retry-after"]).toBe("1");
  expect(JSON.parse(answer.body)).toMatchObject({ retryAfter: 1 });
  expect(problem({ code: "rate_limited", retryAfterMs: 2001 }, "x").headers["retry-after"]).toBe("3");
  expect(problem({ code: "internal" }, "x").headers["retry-after"]).toBeUndefined();
});

it("401 carries its challenge (RFC 9110 §15.5.2)", () => {
  expect(problem({ code: "unauthenticated", challenge: "Bearer" }, "x").headers["www-authenticate"]).toBe("Bearer");
});

it("405 says what is allowed (RFC 9110 §15.5.6)", () => {
  expect(problem({ code: "method_not_allowed", allow: "GET, HEAD" }, "x").headers["allow"]).toBe("GET, HEAD");
});

it.each(["body_invalid", "policy_invalid"] as const)("%s says what is wrong, and where", (code) => {
  const errors = [{ path: "a.b", message: "must be a number" }];
  expect(JSON.parse(problem({ code, errors }, "x").body)).toMatchObject({ errors });
});
