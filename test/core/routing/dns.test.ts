import { describe, expect, it } from "vitest";
import { dnsUrl, readDns, type DnsOptions } from "../../../worker/core/routing/dns.ts";

const OPTIONS: DnsOptions = {
  resolver: "https://cloudflare-dns.com/dns-query",
  name: "api.example.com",
  type: "A",
  port: 8080,
  scheme: "http",
};
/** As Cloudflare's resolver answers. */
const answer = (records: { type: number; data: string }[], status = 0) => ({
  ...{ Status: status, TC: false, RD: true, RA: true, AD: false, CD: false },
  Question: [{ name: "api.example.com", type: 1 }],
  Answer: records.map((record) => ({ name: "api.example.com", TTL: 300, ...record })),
});
const read = (json: unknown, more: Partial<DnsOptions> = {}) => {
  const found = readDns(json, { ...OPTIONS, ...more });
  if (!found.ok) throw new Error(found.error);
  return found.value.instances;
};

it("asks for one name and type, beside what the resolver's address has already", () => {
  expect(dnsUrl(OPTIONS)).toBe("https://cloudflare-dns.com/dns-query?name=api.example.com&type=A");
  expect(dnsUrl({ ...OPTIONS, resolver: "https://r/resolve?key=1", name: "a&b", type: "SRV" })).toBe(
    "https://r/resolve?key=1&name=a%26b&type=SRV",
  );
});

describe("an answer", () => {
  it("of addresses is an instance each, whatever aliases led there", () => {
    const records = [
      { type: 5, data: "edge.example.net." },
      { type: 1, data: "192.0.2.7" },
      { type: 1, data: "192.0.2.8" },
      { type: 1, data: "192.0.2.7" },
    ];
    expect(read(answer(records), { region: "weur" })).toEqual([
      { id: "192.0.2.7-8080", url: "http://192.0.2.7:8080", region: "weur", weight: 1, priority: 0, metadata: {} },
      { id: "192.0.2.8-8080", url: "http://192.0.2.8:8080", region: "weur", weight: 1, priority: 0, metadata: {} },
    ]);
  });

  it("of IPv6 addresses stands in brackets, and without a port on the scheme's own", () => {
    const records = [{ type: 28, data: "2001:db8::7" }];
    const [instance] = read(answer(records), { type: "AAAA", port: undefined, scheme: "https" });
    expect(instance).toMatchObject({ url: "https://[2001:db8::7]" });
    expect(instance!.id).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
  });

  it("of services has priorities, weights, ports and names of its own", () => {
    const records = [
      { type: 33, data: "10 60 5060 big.example.com." },
      { type: 33, data: "20 0 5061 small.example.com." },
      { type: 33, data: "0 0 0 ." },
      { type: 33, data: "nonsense" },
      { type: 33, data: "1 1 99999 far.example.com." },
    ];
    expect(read(answer(records), { type: "SRV" })).toMatchObject([
      { id: "big.example.com-5060", url: "http://big.example.com:5060", weight: 60, priority: 10 },
      { id: "small.example.com-5061", url: "http://small.example.com:5061", weight: 0.1, priority: 20 },
    ]);
  });

  it.each([
    [answer([], 3), "the name does not exist"],
    [answer([], 2), "DNS status 2"],
    [{ error: "Invalid query" }, "an answer that is not DNS in JSON"],
    ["<html>", "an answer that is not DNS in JSON"],
  ])("is refused: %j", (json, error) => {
    expect(readDns(json, OPTIONS)).toEqual({ ok: false, error });
  });

  it("without records of the type asked for is empty, and no refusal", () => {
    expect(read(answer([{ type: 5, data: "edge.example.net." }]))).toEqual([]);
  });
});
