// HTTP caching as a black box sees it (RFC 9111, 5861, 9213; RFC 9110 §13-§14): each case is a conversation about one URL, and
// says of every request whether the upstream saw it. Nobody waits for anything to grow old: the upstream says how old it is.
// Length: a table of cases, most of them two lines that the formatter makes eight.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { send, type Answer } from "../support/client.ts";
import { closeAtOnce } from "../support/misbehaviour.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import type { Field, Fields } from "../support/sockets.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Exchange, Received, Reply, Upstream } from "../support/upstream.ts";

interface Step {
  readonly method?: string;
  readonly headers?: Fields;
  readonly body?: string;
  /** Below the case's own path. */
  readonly at?: string;
  /** What the upstream answers, should it be asked; "cut": it hangs up. 200 `body` without fields by default. */
  readonly answer?: Reply | "cut";
  /** `hit`: the upstream is not asked. `shares`: nor then, but the body may still be on its way. `miss`: it is. `asks`: it is, with conditions. */
  readonly expect: "hit" | "shares" | "miss" | "asks";
  readonly status?: number;
  readonly text?: string;
  /** Of the answer; null: absent. */
  readonly fields?: Readonly<Record<string, string | null>>;
  /** Of the request that the upstream sees; null: absent. */
  readonly seen?: Readonly<Record<string, string | null>>;
}

let upstream: Upstream;
let rig: Rig;
const answers = new Map<string, Reply | "cut">();
const count = new Map<string, number>();
const last = new Map<string, Received>();

/** A case's own part of the path. */
const keyOf = (path: string): string => path.split("/")[1] ?? "";

beforeAll(async () => {
  upstream = await startUpstream((exchange: Exchange) => {
    const key = keyOf(exchange.request.path);
    count.set(key, (count.get(key) ?? 0) + 1);
    last.set(key, exchange.request);
    const answer = answers.get(key) ?? {};
    return answer === "cut" ? closeAtOnce(exchange) : answer;
  });
  rig = await startRig({ policy: inFrontOf(upstream, { sections: { cache: {} } }) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

let cases = 0;

async function expectPlay(steps: readonly Step[]): Promise<void> {
  const key = `case-${cases++}`;
  for (const [index, step] of steps.entries()) {
    const where = `request ${index + 1}`;
    const { answer = {} } = step;
    answers.set(key, answer === "cut" ? answer : { body: "body", ...answer, headers: dated(answer.headers) });
    const before = count.get(key) ?? 0;
    const got = await send(rig.g1, {
      method: step.method ?? "GET",
      target: `/${key}${step.at ?? ""}`,
      headers: step.headers ?? {},
      ...(step.body === undefined ? {} : { body: step.body }),
    });
    expect(`${where} ${(count.get(key) ?? 0) > before ? "went forward" : "was answered"}`).toBe(
      `${where} ${step.expect === "hit" || step.expect === "shares" ? "was answered" : "went forward"}`,
    );
    check(where, step, got, last.get(key));
  }
}

function check(where: string, step: Step, got: Answer, seen: Received | undefined): void {
  if (step.status !== undefined) expect(`${where}: ${got.status}`).toBe(`${where}: ${step.status}`);
  if (step.text !== undefined) expect(`${where}: ${got.text}`).toBe(`${where}: ${step.text}`);
  for (const [name, value] of Object.entries(step.fields ?? {})) {
    expect(`${where}: ${name} ${got.header(name)}`).toBe(`${where}: ${name} ${value ?? undefined}`);
  }
  for (const [name, value] of Object.entries(step.seen ?? {})) {
    expect(`${where}: upstream saw ${name} ${seen?.header(name)}`).toBe(
      `${where}: upstream saw ${name} ${value ?? undefined}`,
    );
  }
  const asked = seen?.header("if-none-match") ?? seen?.header("if-modified-since");
  if (step.expect === "asks") expect(`${where}: ${asked}`).not.toBe(`${where}: undefined`);
  const members = (got.header("cache-status") ?? "").split(",").filter((each) => each.trim().startsWith("sluice"));
  expect(`${where}: ${members.length} members`).toBe(`${where}: 1 members`);
  if (step.expect === "shares") expect(members[0]).toMatch(/^sluice; (hit|fwd=stale;.*collapsed)/);
  if (step.expect === "hit" && got.status < 400) {
    expect(members[0]).toContain("sluice; hit");
    expect(got.header("age")).toMatch(/^\d+$/);
  }
}

const NOW = Date.now();
const at = (seconds: number): string => new Date(NOW + seconds * 1000).toUTCString();

/** A Date of now, unless the answer has one. */
function dated(fields: Fields = []): readonly Field[] {
  const list: readonly Field[] = Array.isArray(fields) ? (fields as Field[]) : (Object.entries(fields) as Field[]);
  return list.some(([name]) => name.toLowerCase() === "date") ? list : [...list, ["Date", at(0)]];
}

const cc = (value: string, more: Record<string, string> = {}): Reply => ({
  headers: { "Cache-Control": value, ...more },
});
const fresh = cc("max-age=100");
/** Stale for a second. */
const stale = (more: Record<string, string> = {}, value = "max-age=10"): Reply => cc(value, { Age: "11", ...more });
/** The answer is used for the same request once more, or it is not. */
const reused = (answer: Reply, headers: Fields = {}): Step[] => [
  { answer, headers, expect: "miss" },
  { headers, expect: "hit" },
];
const notReused = (answer: Reply, headers: Fields = {}): Step[] => [
  { answer, headers, expect: "miss" },
  { headers, expect: "miss" },
];
const notModified = (headers: Record<string, string> = {}): Reply => ({ status: 304, headers, body: "" });

type Table = readonly (readonly [string, readonly Step[]])[];

describe.concurrent("freshness", () => {
  const table: Table = [
    ["nothing said", notReused({})],
    ["max-age", reused(fresh)],
    ["max-age of 0", notReused(cc("max-age=0"))],
    ["max-age past 2^31", reused(cc("max-age=99999999999"))],
    ["in any case", reused(cc("MaX-aGe=100"))],
    ["beside an extension", reused(cc("foobar, max-age=100"))],
    ["quoted", reused(cc('max-age="100"'))],
    ["single-quoted", notReused(cc("max-age='100'"))],
    ["negative", notReused(cc("max-age=-100"))],
    ["inside another's quotes", notReused(cc('x="max-age=100", max-age=0'))],
    ["leading zeros", reused(cc("max-age=00100"))],
    [
      "the lesser of two",
      notReused({
        headers: [
          ["Cache-Control", "max-age=100"],
          ["Cache-Control", "max-age=0"],
        ],
      }),
    ],
    ["older than it lives", notReused(cc("max-age=100", { Age: "200" }))],
    ["as old as it lives", notReused(cc("max-age=100", { Age: "100" }))],
    ["Age of no number", reused(cc("max-age=100", { Age: "abc" }))],
    ["Age as a list: the first", notReused(cc("max-age=100", { Age: "200, 0" }))],
    ["Age as a list: not the second", reused(cc("max-age=100", { Age: "0, 200" }))],
    ["an old Date", notReused(cc("max-age=100", { Date: at(-200) }))],
    ["s-maxage before max-age", reused(cc("max-age=0, s-maxage=100"))],
    ["a shorter s-maxage", notReused(cc("max-age=100, s-maxage=0"))],
    ["max-age before Expires", reused(cc("max-age=100", { Expires: at(-100) }))],
    ["max-age of 0 before Expires", notReused(cc("max-age=0", { Expires: at(100) }))],
    ["Expires", reused({ headers: { Expires: at(100) } })],
    ["Expires in the past", notReused({ headers: { Expires: at(-100) } })],
    ["Expires at Date", notReused({ headers: { Expires: at(0) } })],
    ["Expires before Date", notReused({ headers: { Expires: at(300), Date: at(400) } })],
    ["Expires of 0", notReused({ headers: { Expires: "0" } })],
    ["Expires with an invalid Date", reused({ headers: { Expires: at(100), Date: "foo" } })],
    ["Expires of RFC 850", reused({ headers: { Expires: "Thursday, 18-Aug-50 02:01:18 GMT" } })],
    ["Expires of asctime", reused({ headers: { Expires: "Thu Aug 18 02:01:18 2050" } })],
    ["Expires in any case", reused({ headers: { Expires: "THU, 18 AUG 2050 02:01:18 gmt" } })],
    ["Expires in UTC", notReused({ headers: { Expires: "Thu, 18 Aug 2050 02:01:18 UTC" } })],
    ["Expires less Date, and Age", notReused({ headers: { Date: at(-10), Expires: at(10), Age: "25" } })],
    ["an explicit lifetime on any status", reused({ ...fresh, status: 599 })],
    ["a tenth of its age", reused({ headers: { "Last-Modified": at(-86_400) } })],
    ["a tenth of its age on a 404", reused({ status: 404, headers: { "Last-Modified": at(-86_400) } })],
    ["no heuristic for a 403", notReused({ status: 403, headers: { "Last-Modified": at(-86_400) } })],
    ["a heuristic for public", reused({ status: 599, ...cc("public", { "Last-Modified": at(-86_400) }) })],
  ];
  test.each(table)("%s", (_, steps) => expectPlay(steps));
});

describe.concurrent("what may not be stored", () => {
  const authorized = { Authorization: "Bearer a" };
  const table: Table = [
    ["no-store", notReused(cc("No-Store, max-age=100"))],
    ["private", notReused(cc("private, max-age=100"))],
    ["private with fields", notReused(cc('private="x", max-age=100'))],
    [
      "must-understand, and a status that nobody does",
      notReused({ status: 599, ...cc("max-age=100, must-understand") }),
    ],
    [
      "a request's no-store",
      [{ headers: { "Cache-Control": "no-store" }, answer: fresh, expect: "miss" }, { expect: "miss" }],
    ],
    ["Set-Cookie", notReused(cc("max-age=100", { "Set-Cookie": "a=b" }))],
    ["an answer to Authorization", [{ headers: authorized, answer: fresh, expect: "miss" }, { expect: "miss" }]],
    [
      "but with public",
      [{ headers: authorized, answer: cc("max-age=100, public"), expect: "miss" }, { expect: "hit" }],
    ],
    ["but with s-maxage", [{ headers: authorized, answer: cc("s-maxage=100"), expect: "miss" }, { expect: "hit" }]],
    [
      "but with must-revalidate",
      [{ headers: authorized, answer: cc("max-age=100, must-revalidate"), expect: "miss" }, { expect: "hit" }],
    ],
    [
      "a heuristic for a request with a cookie",
      notReused({ headers: { "Last-Modified": at(-86_400) } }, { Cookie: "a=b" }),
    ],
    ["but with an explicit lifetime", reused(fresh, { Cookie: "a=b" })],
    [
      "another query",
      [
        { at: "?a", answer: fresh, expect: "miss" },
        { at: "?b", expect: "miss" },
        { at: "?a", expect: "hit" },
      ],
    ],
    [
      "another case of the path",
      [
        { at: "/a", answer: fresh, expect: "miss" },
        { at: "/A", expect: "miss" },
      ],
    ],
  ];
  test.each(table)("%s", (_, steps) => expectPlay(steps));
});

describe.concurrent("targeted fields", () => {
  const cdn = (value: string, more: Record<string, string> = {}): Reply => ({
    headers: { "CDN-Cache-Control": value, ...more },
  });
  const table: Table = [
    ["a lifetime", reused(cdn("max-age=100"))],
    ["before Cache-Control", reused(cdn("max-age=100", { "Cache-Control": "no-store" }))],
    ["before a longer one", notReused(cdn("max-age=0", { "Cache-Control": "max-age=100" }))],
    ["before Expires", notReused(cdn("max-age=0", { Expires: at(100) }))],
    ["private", notReused(cdn("private", { "Cache-Control": "max-age=100" }))],
    ["no-store", notReused(cdn("no-store", { "Cache-Control": "max-age=100" }))],
    ["no-cache", notReused(cdn("no-cache", { "Cache-Control": "max-age=100" }))],
    ["ignored when it does not parse", notReused(cdn("max-age=100, &&&", { "Cache-Control": "no-store" }))],
    ["of another type", notReused(cdn('max-age="100"', { "Cache-Control": "no-store" }))],
    ["with Age", notReused(cdn("max-age=100", { Age: "200" }))],
    ["for this gateway before any", reused(cdn("max-age=0", { "Sluice-Cache-Control": "max-age=100" }))],
  ];
  test.each(table)("%s", (_, steps) => expectPlay(steps));
});

describe.concurrent("Vary", () => {
  const vary = (names: string): Reply => cc("max-age=100", { Vary: names });
  const then = (first: Fields, names: string, second: Fields, expected: "hit" | "miss"): Step[] => [
    { headers: first, answer: vary(names), expect: "miss" },
    { headers: second, expect: expected },
  ];
  const table: Table = [
    ["the same", then({ Foo: "1" }, "Foo", { Foo: "1" }, "hit")],
    ["another", then({ Foo: "1" }, "Foo", { Foo: "2" }, "miss")],
    ["left out", then({ Foo: "1" }, "Foo", {}, "miss")],
    ["not left out", then({}, "Foo", { Foo: "1" }, "miss")],
    ["left out by both", then({ Foo: "1" }, "Foo, Bar", { Foo: "1" }, "hit")],
    ["not nominated", then({ Foo: "1", Other: "2" }, "Foo", { Foo: "1", Other: "3" }, "hit")],
    [
      "two lines make a list",
      then(
        { Foo: "1, 2" },
        "Foo",
        [
          ["Foo", "1"],
          ["Foo", "2"],
        ],
        "hit",
      ),
    ],
    ["white space", then({ Foo: "1,2" }, "Foo", { Foo: " 1, 2 " }, "hit")],
    [
      "order of languages",
      then({ "Accept-Language": "en, de" }, "Accept-Language", { "Accept-Language": "DE, en" }, "hit"),
    ],
    ["*", then({}, "*", {}, "miss")],
    ["* among others", then({}, "Foo, *", {}, "miss")],
    [
      "* on a second line",
      [
        {
          answer: {
            headers: [
              ["Cache-Control", "max-age=100"],
              ["Vary", "Foo"],
              ["Vary", "*"],
            ],
          },
          expect: "miss",
        },
        { expect: "miss" },
      ],
    ],
    [
      "variants beside each other",
      [
        { headers: { Foo: "1" }, answer: { ...vary("Foo"), body: "one" }, expect: "miss" },
        { headers: { Foo: "2" }, answer: { ...vary("Foo"), body: "two" }, expect: "miss", text: "two" },
        { headers: { Foo: "1" }, expect: "hit", text: "one" },
        { headers: { Foo: "2" }, expect: "hit", text: "two" },
      ],
    ],
    [
      "the language that is liked best",
      [
        {
          headers: { "Accept-Language": "en, de" },
          answer: cc("max-age=100", { Vary: "Accept-Language", "Content-Language": "de" }),
          expect: "miss",
        },
        { headers: { "Accept-Language": "fr;q=0.5, de;q=1.0" }, expect: "hit" },
        { headers: { "Accept-Language": "fr" }, expect: "miss" },
      ],
    ],
    [
      "one of the variants after all",
      [
        { headers: { Foo: "1" }, answer: cc("max-age=100", { Vary: "Foo", ETag: '"1"' }), expect: "miss" },
        { headers: { Foo: "2" }, answer: cc("max-age=100", { Vary: "Foo", ETag: '"2"' }), expect: "miss" },
        {
          headers: { Foo: "3" },
          answer: notModified({ ETag: '"1"', "Cache-Control": "max-age=100", Vary: "Foo" }),
          expect: "asks",
          status: 200,
          text: "body",
          fields: { ETag: '"1"' },
        },
        { headers: { Foo: "3" }, expect: "hit", fields: { ETag: '"1"' } },
      ],
    ],
  ];
  test.each(table)("%s", (_, steps) => expectPlay(steps));
});

describe.concurrent("validation", () => {
  const lastModified = at(-3_000);
  const table: Table = [
    [
      "by ETag",
      [
        { answer: stale({ ETag: '"a"' }), expect: "miss" },
        {
          answer: notModified({ "Cache-Control": "max-age=100" }),
          expect: "asks",
          status: 200,
          text: "body",
          seen: { "If-None-Match": '"a"' },
          fields: { ETag: '"a"' },
        },
        { expect: "hit", text: "body" },
      ],
    ],
    [
      "by a weak ETag, as it is",
      [
        { answer: stale({ ETag: 'W/"a"' }), expect: "miss" },
        {
          answer: notModified({ "Cache-Control": "max-age=100" }),
          expect: "asks",
          status: 200,
          seen: { "If-None-Match": 'W/"a"' },
        },
      ],
    ],
    [
      "by Last-Modified",
      [
        { answer: stale({ "Last-Modified": lastModified }), expect: "miss" },
        {
          answer: notModified({ "Cache-Control": "max-age=100" }),
          expect: "asks",
          status: 200,
          seen: { "If-Modified-Since": lastModified },
        },
        { expect: "hit" },
      ],
    ],
    [
      "and something new instead",
      [
        { answer: stale({ ETag: '"a"' }), expect: "miss" },
        { answer: { ...cc("max-age=100", { ETag: '"b"' }), body: "new" }, expect: "asks", status: 200, text: "new" },
        { expect: "hit", text: "new" },
      ],
    ],
    [
      "of no-cache, always",
      [
        { answer: cc("no-cache, max-age=100", { ETag: '"a"' }), expect: "miss" },
        { answer: notModified({ "Cache-Control": "no-cache, max-age=100" }), expect: "asks", status: 200 },
        { answer: notModified({ "Cache-Control": "no-cache, max-age=100" }), expect: "asks", status: 200 },
      ],
    ],
    [
      "of no-cache with fields: those are left out",
      [
        {
          answer: cc('max-age=100, no-cache="X-A, x-b"', { "X-A": "1", "X-B": "2", "X-C": "3" }),
          expect: "miss",
          fields: { "X-A": "1" },
        },
        { expect: "hit", fields: { "X-A": null, "X-B": null, "X-C": "3" } },
      ],
    ],
    [
      "updates all fields but the length, and stores them",
      [
        { answer: stale({ ETag: '"a"', "X-A": "1", "X-B": "1", "Content-Type": "text/plain" }), expect: "miss" },
        {
          answer: notModified({ ETag: '"a"', "Cache-Control": "max-age=100", "X-A": "2", "Content-Type": "text/html" }),
          expect: "asks",
          fields: { "X-A": "2", "X-B": "1", "Content-Length": "4", "Content-Type": "text/html" },
        },
        {
          expect: "hit",
          text: "body",
          fields: { "X-A": "2", "X-B": "1", "Content-Length": "4", "Content-Type": "text/html" },
        },
      ],
    ],
    [
      "a client's condition after ours",
      [
        { answer: stale({ "Last-Modified": lastModified }), expect: "miss" },
        {
          headers: { "If-Modified-Since": lastModified },
          answer: notModified({ "Cache-Control": "max-age=100" }),
          expect: "asks",
          status: 304,
        },
      ],
    ],
    [
      "a client's condition and a new answer that it has",
      [
        { answer: stale({ ETag: '"a"' }), expect: "miss" },
        {
          headers: { "If-None-Match": '"b"' },
          answer: cc("max-age=100", { ETag: '"b"' }),
          expect: "asks",
          status: 304,
          seen: { "If-None-Match": '"a"' },
        },
        // The client was told before the body was whole.
        { expect: "shares", text: "body" },
      ],
    ],
    [
      "what is stored is gone once the origin says no-store",
      [
        { answer: stale({ ETag: '"a"' }), expect: "miss" },
        { answer: cc("no-store"), expect: "asks" },
        { answer: "cut", expect: "miss", status: 502 },
      ],
    ],
  ];
  test.each(table)("%s", (_, steps) => expectPlay(steps));
});

describe.concurrent("conditions that the cache answers", () => {
  const tagged = cc("max-age=100", { ETag: '"a"', "Content-Type": "text/plain" });
  const dates = cc("max-age=100", { "Last-Modified": at(-3_000) });
  const asks = (answer: Reply, headers: Fields, status: number): Step[] => [
    { answer, expect: "miss" },
    { headers, expect: "hit", status },
  ];
  const table: Table = [
    [
      "If-None-Match",
      [
        { answer: tagged, expect: "miss" },
        {
          headers: { "If-None-Match": '"a"' },
          expect: "hit",
          status: 304,
          text: "",
          fields: { ETag: '"a"', "Content-Type": null },
        },
      ],
    ],
    ["weakly", asks(tagged, { "If-None-Match": 'W/"a"' }, 304)],
    ["among others", asks(tagged, { "If-None-Match": '"x", "a"' }, 304)],
    ["*", asks(tagged, { "If-None-Match": "*" }, 304)],
    ["another", asks(tagged, { "If-None-Match": '"b"' }, 200)],
    [
      "before If-Modified-Since",
      asks(
        cc("max-age=100", { ETag: '"a"', "Last-Modified": at(-3_000) }),
        { "If-None-Match": '"b"', "If-Modified-Since": at(0) },
        200,
      ),
    ],
    ["If-Modified-Since", asks(dates, { "If-Modified-Since": at(-3_000) }, 304)],
    ["If-Modified-Since, later", asks(dates, { "If-Modified-Since": at(-2_000) }, 304)],
    ["If-Modified-Since, earlier", asks(dates, { "If-Modified-Since": at(-4_000) }, 200)],
    [
      "without a stored answer: the origin's",
      [
        {
          headers: { "If-None-Match": '"a"' },
          answer: notModified(),
          expect: "miss",
          status: 304,
          seen: { "If-None-Match": '"a"' },
        },
      ],
    ],
  ];
  test.each(table)("%s", (_, steps) => expectPlay(steps));
});

describe.concurrent("what a request wants", () => {
  const wants = (value: string, answer: Reply, expected: Step["expect"], status = 200): Step[] => [
    { answer, expect: "miss" },
    { headers: { "Cache-Control": value }, expect: expected, status },
  ];
  const table: Table = [
    ["no-cache", wants("no-cache", fresh, "miss")],
    ["no-cache of what can be validated", wants("no-cache", cc("max-age=100", { ETag: '"a"' }), "asks")],
    ["no-store leaves what is stored alone", wants("no-store", fresh, "hit")],
    ["max-age=0", wants("max-age=0", fresh, "miss")],
    ["max-age, too old", wants("max-age=10", cc("max-age=100", { Age: "50" }), "miss")],
    ["max-age, young enough", wants("max-age=60", cc("max-age=100", { Age: "50" }), "hit")],
    ["min-fresh", wants("min-fresh=60", cc("max-age=100", { Age: "50" }), "miss")],
    ["max-stale", wants("max-stale=1000", stale(), "hit")],
    ["max-stale, staler", wants("max-stale=1", cc("max-age=10", { Age: "60" }), "miss")],
    ["max-stale of what never is", wants("max-stale", stale({}, "max-age=10, must-revalidate"), "miss")],
    ["only-if-cached with something", wants("only-if-cached", fresh, "hit")],
    ["only-if-cached with nothing", [{ headers: { "Cache-Control": "only-if-cached" }, expect: "hit", status: 504 }]],
    [
      "Pragma",
      [
        { answer: fresh, expect: "miss" },
        { headers: { Pragma: "no-cache" }, expect: "miss" },
      ],
    ],
    [
      "Pragma beside Cache-Control",
      [
        { answer: fresh, expect: "miss" },
        { headers: { Pragma: "no-cache", "Cache-Control": "x" }, expect: "hit" },
      ],
    ],
  ];
  test.each(table)("%s", (_, steps) => expectPlay(steps));
});

describe.concurrent("stale answers", () => {
  const table: Table = [
    [
      "when nobody answers",
      [
        { answer: stale(), expect: "miss" },
        { answer: "cut", expect: "miss", status: 200, text: "body" },
      ],
    ],
    [
      "never with a 5xx",
      [
        { answer: stale(), expect: "miss" },
        { answer: { status: 503 }, expect: "miss", status: 503 },
      ],
    ],
    [
      "with a 5xx and stale-if-error",
      [
        { answer: stale({}, "max-age=10, stale-if-error=60"), expect: "miss" },
        { answer: { status: 503 }, expect: "miss", status: 200 },
      ],
    ],
    [
      "not past stale-if-error",
      [
        { answer: cc("max-age=10, stale-if-error=5", { Age: "20" }), expect: "miss" },
        { answer: "cut", expect: "miss", status: 502 },
      ],
    ],
    [
      "with a 5xx when the request says so",
      [
        { answer: stale(), expect: "miss" },
        { headers: { "Cache-Control": "stale-if-error=60" }, answer: { status: 500 }, expect: "miss", status: 200 },
      ],
    ],
    ...["must-revalidate", "proxy-revalidate", "s-maxage=10", "no-cache"].map((word): [string, Step[]] => [
      `never with ${word}`,
      [
        { answer: stale({ ETag: '"a"' }, `max-age=10, ${word}, stale-if-error=60`), expect: "miss" },
        { answer: "cut", expect: "asks", status: 502 },
      ],
    ]),
    [
      "not past stale-while-revalidate",
      [{ answer: cc("max-age=10, stale-while-revalidate=5", { Age: "20" }), expect: "miss" }, { expect: "miss" }],
    ],
  ];
  test.each(table)("%s", (_, steps) => expectPlay(steps));

  test("while someone asks for a new one, without the client's credentials", async () => {
    const key = `case-${cases++}`;
    const ask = (headers: Fields = {}) => send(rig.g1, { target: `/${key}`, headers });
    const value = "max-age=10, stale-while-revalidate=60";
    answers.set(key, { headers: { "Cache-Control": value, Age: "20", ETag: '"a"' }, body: "old" });
    await ask();
    answers.set(key, { headers: { "Cache-Control": value, ETag: '"b"' }, body: "new" });
    const stale = await ask({ Cookie: "secret=1", Authorization: "Bearer x", Foo: "1" });
    expect(stale.text).toBe("old");
    expect(stale.header("cache-status")).toMatch(/^sluice; hit; ttl=-\d+/);
    await upstream.until(() => count.get(key) === 2, "the background fetch");
    const seen = last.get(key)!;
    expect(seen.header("cookie")).toBeUndefined();
    expect(seen.header("authorization")).toBeUndefined();
    expect(seen.header("foo")).toBe("1");
    expect(seen.header("if-none-match")).toBe('"a"');
    await expect.poll(async () => (await ask()).text).toBe("new");
    expect(count.get(key)).toBe(2);
  });
});

describe.concurrent("ranges", () => {
  const ten: Reply = { ...cc("max-age=100", { ETag: '"a"' }), body: "0123456789" };
  const range = (value: string, more: Record<string, string> = {}): Fields => ({ Range: `bytes=${value}`, ...more });
  const of = (value: string, status: number, text: string, more: Record<string, string> = {}): Step[] => [
    { answer: ten, expect: "miss" },
    { headers: range(value, more), expect: "hit", status, text },
  ];
  const part = (contentRange: string, body: string, more: Record<string, string> = { ETag: '"a"' }): Reply => ({
    ...cc("max-age=100", { "Content-Range": contentRange, ...more }),
    status: 206,
    body,
  });
  const table: Table = [
    [
      "two ends",
      [
        { answer: ten, expect: "miss" },
        {
          headers: range("0-1"),
          expect: "hit",
          status: 206,
          text: "01",
          fields: { "Content-Range": "bytes 0-1/10", "Content-Length": "2", ETag: '"a"' },
        },
      ],
    ],
    ["an open end", of("8-", 206, "89")],
    ["the last bytes", of("-1", 206, "9")],
    [
      "past the end",
      [
        { answer: ten, expect: "miss" },
        { headers: range("10-"), expect: "hit", status: 416, fields: { "Content-Range": "bytes */10" } },
      ],
    ],
    ["several: the whole", of("0-1,3-4", 200, "0123456789")],
    ["If-Range that holds", of("0-1", 206, "01", { "If-Range": '"a"' })],
    ["If-Range that does not", of("0-1", 200, "0123456789", { "If-Range": '"b"' })],
    ["with a condition that goes before it", of("0-1", 304, "", { "If-None-Match": '"a"' })],
    [
      "of nothing stored: the origin's",
      [
        {
          headers: range("0-1"),
          answer: part("bytes 0-1/10", "01"),
          expect: "miss",
          status: 206,
          seen: { Range: "bytes=0-1" },
        },
      ],
    ],
    [
      "from a stored part",
      [
        { headers: range("4-8"), answer: part("bytes 4-8/10", "45678"), expect: "miss" },
        { headers: range("5-6"), expect: "hit", status: 206, text: "56", fields: { "Content-Range": "bytes 5-6/10" } },
        { headers: range("5-9"), answer: part("bytes 5-9/10", "56789"), expect: "miss", text: "56789" },
        { headers: range("4-9"), expect: "hit", status: 206, text: "456789" },
      ],
    ],
    [
      "a part is never the whole",
      [
        { headers: range("4-8"), answer: part("bytes 4-8/10", "45678"), expect: "miss" },
        { answer: ten, expect: "miss", status: 200, text: "0123456789" },
      ],
    ],
    [
      "parts that make a whole",
      [
        { headers: range("0-4"), answer: part("bytes 0-4/10", "01234"), expect: "miss" },
        { headers: range("5-9"), answer: part("bytes 5-9/10", "56789"), expect: "miss" },
        { expect: "hit", status: 200, text: "0123456789", fields: { "Content-Range": null, "Content-Length": "10" } },
      ],
    ],
    [
      "parts of two versions are not put together",
      [
        { headers: range("0-4"), answer: part("bytes 0-4/10", "01234"), expect: "miss" },
        { headers: range("5-9"), answer: part("bytes 5-9/10", "fghij", { ETag: '"b"' }), expect: "miss" },
        {
          headers: range("0-4"),
          answer: part("bytes 0-4/10", "abcde", { ETag: '"b"' }),
          expect: "miss",
          text: "abcde",
        },
        { expect: "hit", text: "abcdefghij" },
      ],
    ],
    [
      "the rest of a stored beginning",
      [
        { headers: range("0-4"), answer: part("bytes 0-4/10", "01234"), expect: "miss" },
        {
          answer: part("bytes 5-9/10", "56789"),
          expect: "miss",
          status: 200,
          text: "0123456789",
          seen: { Range: "bytes=5-", "If-Range": '"a"' },
          fields: { "Content-Range": null, "Content-Length": "10" },
        },
        { expect: "hit", text: "0123456789" },
      ],
    ],
    [
      "the rest of another version: all of it",
      [
        { headers: range("0-4"), answer: part("bytes 0-4/10", "01234"), expect: "miss" },
        { answer: { ...ten, body: "abcdefghij" }, expect: "miss", status: 200, text: "abcdefghij" },
      ],
    ],
    [
      "a part that does not hold what it says is none",
      [
        { headers: range("4-8"), answer: part("bytes 4-8/10", "456"), expect: "miss" },
        { headers: range("4-5"), answer: part("bytes 4-5/10", "45"), expect: "miss" },
      ],
    ],
  ];
  test.each(table)("%s", (_, steps) => expectPlay(steps));
});

describe.concurrent("HEAD", () => {
  const table: Table = [
    [
      "from GET's answer",
      [
        { answer: cc("max-age=100", { ETag: '"a"' }), expect: "miss" },
        { method: "HEAD", expect: "hit", status: 200, text: "", fields: { "Content-Length": "4", ETag: '"a"' } },
      ],
    ],
    [
      "is no answer to a GET",
      [
        { method: "HEAD", answer: fresh, expect: "miss" },
        { expect: "miss", text: "body" },
      ],
    ],
    [
      "that agrees freshens",
      [
        { answer: stale({ ETag: '"a"', "X-A": "1" }), expect: "miss" },
        { method: "HEAD", answer: cc("max-age=100", { ETag: '"a"', "X-A": "2" }), expect: "miss" },
        { expect: "hit", text: "body", fields: { "X-A": "2" } },
      ],
    ],
    [
      "that disagrees invalidates",
      [
        { answer: stale({ ETag: '"a"' }, "max-age=10, stale-if-error=60"), expect: "miss" },
        { method: "HEAD", answer: cc("max-age=100", { ETag: '"b"' }), expect: "miss" },
        { answer: "cut", expect: "miss", status: 502 },
      ],
    ],
  ];
  test.each(table)("%s", (_, steps) => expectPlay(steps));
});

describe.concurrent("unsafe methods", () => {
  const invalidating = (method: string, answer: Reply, expected: "hit" | "miss", at?: string): Step[] => [
    { answer: fresh, expect: "miss", ...(at === undefined ? {} : { at }) },
    { method, body: "abc", answer, expect: "miss" },
    { answer: fresh, expect: expected, ...(at === undefined ? {} : { at }) },
  ];
  const table: Table = [
    ...["POST", "PUT", "DELETE", "PATCH"].flatMap((method): [string, Step[]][] => [
      [`${method} invalidates`, invalidating(method, {}, "miss")],
      [`a failed ${method} does not`, invalidating(method, { status: 500 }, "hit")],
    ]),
    ["OPTIONS does not", invalidating("OPTIONS", {}, "hit")],
    ["a redirect does", invalidating("POST", { status: 303, headers: { Location: "/elsewhere" } }, "miss")],
  ];
  test.each(table)("%s", (_, steps) => expectPlay(steps));

  test.each(["Location", "Content-Location"])(
    "%s of the same origin goes too, another origin's never",
    async (field) => {
      const key = `case-${cases++}`;
      const ask = (target: string, method = "GET") => send(rig.g1, { target: `/${key}${target}`, method });
      answers.set(key, fresh);
      for (const target of ["", "/target", "/other"]) await ask(target);
      answers.set(key, { status: 201, headers: { [field]: `/${key}/target` } });
      await ask("", "POST");
      answers.set(key, { status: 201, headers: { [field]: `http://elsewhere.example/${key}/other` } });
      await ask("", "POST");
      answers.set(key, fresh);
      expect((await ask("/target")).header("cache-status")).toContain("fwd=uri-miss");
      expect((await ask("/other")).header("cache-status")).toContain("hit");
    },
  );

  test("a POST's answer with its own URL and a lifetime answers a GET", async () => {
    const key = `case-${cases++}`;
    answers.set(key, { headers: { "Cache-Control": "max-age=100", "Content-Location": `/${key}` }, body: "posted" });
    await send(rig.g1, { target: `/${key}`, method: "POST", body: "x" });
    const answer = await send(rig.g1, { target: `/${key}` });
    expect(answer.text).toBe("posted");
    expect(answer.header("cache-status")).toContain("hit");
  });
});

describe.concurrent("the answer as it is", () => {
  const table: Table = [
    [
      "Date and Expires are the origin's",
      [
        { answer: { headers: { Expires: at(1_000), Date: at(-50) } }, expect: "miss" },
        { expect: "hit", fields: { Expires: at(1_000), Date: at(-50) } },
      ],
    ],
    [
      "Age is ours",
      [
        { answer: cc("max-age=1000", { Age: "300" }), expect: "miss" },
        { expect: "hit", fields: { Age: "300" } },
      ],
    ],
    [
      "unknown fields stay",
      reused(cc("max-age=100", { "X-Unknown": "a  b", "Content-MD5": "x", "Public-Key-Pins": "y" })).map((step) => ({
        ...step,
        fields: { "X-Unknown": "a  b", "Content-MD5": "x" },
      })),
    ],
    [
      "fields of the hop do not",
      [
        {
          answer: {
            headers: [
              ["Connection", "x-hop, close"],
              ["Cache-Control", "max-age=100"],
              ["X-Hop", "1"],
              ["Keep-Alive", "timeout=1"],
              ["Proxy-Authenticate", "Basic"],
            ],
          },
          expect: "miss",
        },
        { expect: "hit", fields: { "X-Hop": null, "Keep-Alive": null, "Proxy-Authenticate": null } },
      ],
    ],
    [
      "coded bytes, their length and a strong ETag",
      reused(
        { ...cc("max-age=100", { "Content-Encoding": "br", ETag: '"a"' }), body: "not really brotli" },
        { "Accept-Encoding": "br" },
      ).map((step) => ({
        ...step,
        text: "not really brotli",
        fields: { "Content-Encoding": "br", "Content-Length": "17", ETag: '"a"' },
      })),
    ],
    ["a status without a body", reused({ ...fresh, status: 204, body: "" }).map((step) => ({ ...step, status: 204 }))],
    [
      "a redirect",
      reused({ ...cc("max-age=100", { Location: "/there" }), status: 301 }).map((step) => ({
        ...step,
        status: 301,
        fields: { Location: "/there" },
      })),
    ],
  ];
  test.each(table)("%s", (_, steps) => expectPlay(steps));
});
