// The gateway in front of a server nobody here wrote: Debian's nginx with real files. For every kind of request the answer
// through the gateway is the direct one: status, bytes and fields, but for what the contract adds and what RFC 9110 §7.6
// makes a proxy change.
import { afterAll, beforeAll, expect, it } from "vitest";
import { send } from "../support/client.ts";
import type { Answer, Sent } from "../support/client.ts";
import { startNginx } from "../support/nginx.ts";
import type { Nginx } from "../support/nginx.ts";
import { inFrontOf } from "../support/policies.ts";
import { describeWith } from "../support/programs.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";

/** Fields the gateway adds to every answer. */
const ADDED = new Set([
  "cache-status",
  "server-timing",
  "traceparent",
  "via",
  "x-correlation-id",
  "x-sluice-attempts",
  "x-sluice-generation",
  "x-sluice-instance",
  "x-sluice-service",
]);
/** Fields that may differ: the moment, and what belongs to one connection. */
const FREE = new Set(["date", "connection", "keep-alive", "transfer-encoding"]);

const gzip = { "Accept-Encoding": "gzip" };
const lastModified = "Thu, 29 Feb 2024 12:00:00 GMT";

/** What is asked, by what is special about it. */
const requests: [kind: string, sent: Sent][] = [
  ["an index", { target: "/" }],
  ["an HTML page", { target: "/index.html" }],
  ["a text file", { target: "/plain.txt" }],
  ["an empty file", { target: "/empty.txt" }],
  ["a style sheet", { target: "/style.css" }],
  ["JSON", { target: "/data.json" }],
  ["an SVG picture", { target: "/picture.svg" }],
  ["a file of unknown type", { target: "/unknown.type" }],
  ["a large binary file", { target: "/large.bin" }],
  ["HEAD of a page", { method: "HEAD", target: "/index.html" }],
  ["HEAD of what is missing", { method: "HEAD", target: "/nowhere" }],
  ["HEAD, compressed", { method: "HEAD", target: "/packed/style.css", headers: gzip }],
  ["a page that is missing", { target: "/nowhere" }],
  ["a directory without its slash", { target: "/directory" }],
  ["a directory", { target: "/directory/" }],
  ["a listing", { target: "/list/" }],
  ["a listing as JSON", { target: "/json-list/" }],
  ["a directory that may not be listed", { target: "/packed/" }],
  ["compressed on the fly", { target: "/packed/style.css", headers: gzip }],
  ["compressed on the fly, not accepted", { target: "/packed/style.css", headers: { "Accept-Encoding": "identity" } }],
  ["compressible, nothing said", { target: "/packed/data.json" }],
  ["compressed beforehand", { target: "/ready/page.html", headers: gzip }],
  ["compressed beforehand, not accepted", { target: "/ready/page.html" }],
  ["the first bytes", { target: "/plain.txt", headers: { Range: "bytes=0-9" } }],
  ["bytes from the middle", { target: "/large.bin", headers: { Range: "bytes=1000000-1999999" } }],
  ["the last bytes", { target: "/plain.txt", headers: { Range: "bytes=-10" } }],
  ["bytes to the end", { target: "/plain.txt", headers: { Range: "bytes=10-" } }],
  ["several ranges", { target: "/plain.txt", headers: { Range: "bytes=0-4,10-14" } }],
  ["a range that cannot be", { target: "/plain.txt", headers: { Range: "bytes=1000-" } }],
  ["a range in another unit", { target: "/plain.txt", headers: { Range: "lines=1-2" } }],
  ["a range if unchanged", { target: "/plain.txt", headers: { Range: "bytes=0-4", "If-Range": lastModified } }],
  [
    "a range if unchanged, and it has",
    { target: "/plain.txt", headers: { Range: "bytes=0-4", "If-Range": '"other"' } },
  ],
  ["not modified since", { target: "/plain.txt", headers: { "If-Modified-Since": lastModified } }],
  ["modified since", { target: "/plain.txt", headers: { "If-Modified-Since": "Wed, 28 Feb 2024 12:00:00 GMT" } }],
  [
    "unless modified, and it was",
    { target: "/plain.txt", headers: { "If-Unmodified-Since": "Wed, 28 Feb 2024 12:00:00 GMT" } },
  ],
  ["if another tag does not match", { target: "/plain.txt", headers: { "If-None-Match": '"other"' } }],
  ["if any tag matches not", { target: "/plain.txt", headers: { "If-None-Match": "*" } }],
  ["if another tag matches", { target: "/plain.txt", headers: { "If-Match": '"other"' } }],
  ["POST to a file", { method: "POST", target: "/index.html", body: "a=1" }],
  ["PUT to a file", { method: "PUT", target: "/index.html", body: "new" }],
  ["DELETE of a file", { method: "DELETE", target: "/index.html" }],
  ["OPTIONS of a file", { method: "OPTIONS", target: "/index.html" }],
  ["a body over its limit", { method: "POST", target: "/index.html", body: "x".repeat(150_000) }],
  ["moved for good, to a path", { target: "/moved" }],
  ["found elsewhere, with a query", { target: "/found" }],
  ["see other", { target: "/other" }],
  ["temporary redirect", { target: "/temporary" }],
  ["redirect to another host", { target: "/permanent" }],
  ["no content", { target: "/nothing" }],
  ["a teapot", { target: "/teapot" }],
  ["gone", { target: "/gone" }],
  ["unavailable", { target: "/down" }],
  ["a closed door", { target: "/secret" }],
  ["a closed door, wrong key", { target: "/secret", headers: { Authorization: "Basic dXNlcjp3cm9uZw==" } }],
  ["forbidden", { target: "/forbidden" }],
  ["several cookies", { target: "/cookies" }],
  ["a lifetime, and a repeated field", { target: "/expires/plain.txt" }],
  ["no validator, no lifetime", { target: "/never/plain.txt" }],
  ["a query of every kind", { target: "/echo?a=1&a=2&b=%20+%2F&c&d=" }],
  ["a method and its query", { method: "PURGE", target: "/echo?x=1" }],
  ["a space in the path", { target: "/sp%20ace/file%20name.txt" }],
  ["letters outside ASCII", { target: "/%C3%BCn%C3%AF/c%C3%B6d%C3%A9.txt" }],
  ["a semicolon in the path", { target: "/semi;colon.txt" }],
  ["a plus and an ampersand", { target: "/plus+and&.txt" }],
  ["an escaped slash", { target: "/directory%2Findex.html" }],
  ["a doubled slash", { target: "/directory//index.html" }],
  ["a file that comes slowly", { target: "/limited", headers: { Range: "bytes=0-99999" } }],
];

describeWith("nginx", "through the gateway as direct", (file) => {
  let nginx: Nginx;
  let rig: Rig;

  beforeAll(async () => {
    nginx = await startNginx(file);
    rig = await startRig({ policy: inFrontOf(nginx.origin) });
  });
  afterAll(async () => {
    await rig?.close();
    await nginx?.close();
  });

  /** nginx counts the boundaries of its multipart answers up, so each has its own; everything else is compared as it is. */
  const boundaryOf = (answer: Answer): string | undefined =>
    /^multipart\/byteranges; boundary=(\S+)/.exec(answer.header("content-type") ?? "")?.[1];
  const bytesOf = (answer: Answer): Buffer => {
    const boundary = boundaryOf(answer);
    return boundary === undefined
      ? answer.body
      : Buffer.from(answer.body.toString("latin1").replaceAll(boundary, "boundary"), "latin1");
  };

  /** Fields in words, names in lower case, repeated ones in their order. */
  const fieldsOf = (answer: Answer): string[] =>
    answer.head.fields
      .map(([name, value]) => [name.toLowerCase(), value.replace(boundaryOf(answer) ?? "\0", "boundary")] as const)
      .filter(([name]) => !FREE.has(name))
      .map(([name, value]) => `${name}: ${name === "expires" ? secondsAhead(answer, value) : value}`)
      .toSorted();
  /** Two answers may fall into two seconds: Expires is compared as the lifetime that it makes. */
  const secondsAhead = (answer: Answer, expires: string): number =>
    (Date.parse(expires) - Date.parse(answer.header("date") ?? "")) / 1_000;

  async function compare(sent: Sent): Promise<{ direct: Answer; through: Answer }> {
    // The same public host both ways, so that redirects of nginx's own making say the same.
    const headers = { Host: nginx.authority, ...(sent.headers as Record<string, string> | undefined) };
    const direct = await send(nginx.origin, { ...sent, headers });
    const through = await send(rig.g1, { ...sent, headers });
    expect(through.status).toBe(direct.status);
    expect(through.bodyBytes).toBe(direct.bodyBytes);
    expect(bytesOf(through).equals(bytesOf(direct))).toBe(true);
    expect(through.whole).toBe(true);
    const added = fieldsOf(through).filter((field) => ADDED.has(field.slice(0, field.indexOf(":"))));
    expect(fieldsOf(through).filter((field) => !added.includes(field))).toEqual(fieldsOf(direct));
    expect(new Set(added.map((field) => field.slice(0, field.indexOf(":"))))).toEqual(ADDED);
    return { direct, through };
  }

  it("asks at least thirty kinds of request", () => expect(requests.length).toBeGreaterThanOrEqual(30));

  it.each(requests)("%s", async (_, sent) => {
    await compare(sent);
  });

  it("not modified, by the tag it gave", async () => {
    const { direct } = await compare({ target: "/plain.txt" });
    const tag = direct.header("etag") ?? "";
    const { through } = await compare({ target: "/plain.txt", headers: { "If-None-Match": tag } });
    expect(through.status).toBe(304);
    await compare({ target: "/plain.txt", headers: { "If-Match": tag, Range: "bytes=3-5" } });
  });

  it("an open door, with the right key", async () => {
    // nginx answers 404 behind the door: the file is not there, and that is what must come through.
    const { through } = await compare({ target: "/secret", headers: { Authorization: "Basic dXNlcjpwYXNzd29yZA==" } });
    expect(through.status).toBe(404);
  });

  it("redirects of a directory name the public host, whatever the instance is called", async () => {
    const through = await send(rig.g1, { target: "/directory", headers: { Host: "files.example.com" } });
    expect(through.status).toBe(301);
    expect(through.header("location")).toBe("http://files.example.com/directory/");
  });
});
