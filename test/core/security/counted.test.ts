import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { counted, network, storedAs, type Caller, type CountedBy } from "../../../worker/core/security/counted.ts";

const caller = (more: Partial<Caller> = {}, headers: Record<string, string> = {}): Caller => ({
  ...{ tenant: "acme", identity: "alice", key: "k1", address: "203.0.113.7", route: "GET /a", model: "smart" },
  header: (name) => headers[name.toLowerCase()] ?? null,
  ...more,
});
const nobody = caller({ tenant: "", identity: "", key: "", model: "" });

describe("who is counted", () => {
  it.each<[CountedBy, string]>([
    ["identity", "identity:acme/alice"],
    ["key", "key:acme/k1"],
    ["address", "address:203.0.113.7"],
    ["route", "route:GET /a"],
    ["model", "model:smart"],
    ["header:X-Team", "header:x-team:acme/red"],
  ])("by %s: %s", (by, who) => {
    expect(counted(by, caller({}, { "x-team": "red" }))).toBe(who);
  });

  it.each<CountedBy>(["identity", "key", "header:X-Team"])("by the address where there is no %s", (by) => {
    expect(counted(by, nobody)).toBe("address:203.0.113.7");
  });

  it("is a network where addresses are as many as one likes", () => {
    expect(network("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
    expect(network("2001:db8:1:2::9")).toBe("2001:db8:1:2::/64");
    expect(network("::ffff:203.0.113.7")).toBe("203.0.113.7");
    expect(network("")).toBe("unknown");
    expect(network("::::")).toBe("unknown");
  });
});

const text = fc.string({ maxLength: 12 });
const someone = fc.record({ tenant: text, identity: text, key: text, route: text, model: text, team: text });
const dimensions: readonly CountedBy[] = ["identity", "key", "address", "route", "model", "header:X-Team"];

const valueOf = (by: CountedBy, { identity, key, team }: { identity: string; key: string; team: string }): string =>
  by === "identity" ? identity : by === "key" ? key : team;

describe("dimensions are independent", () => {
  it("two callers are one exactly when they are one in what is counted by, within one tenant", () => {
    fc.assert(
      fc.property(fc.constantFrom(...dimensions), someone, someone, (by, a, b) => {
        const [one, other] = [a, b].map((each) => ({ ...caller(each, { "x-team": each.team }), team: each.team }));
        const same = counted(by, one!) === counted(by, other!);
        if (by === "address" || by === "route" || by === "model") expect(same).toBe(one![by] === other![by]);
        else {
          const [mine, theirs] = [valueOf(by, a), valueOf(by, b)];
          // Without a name both are their address, which is the same here.
          const unnamed = by !== "header:X-Team" && mine === "" && theirs === "";
          expect(same).toBe(unnamed || (a.tenant === b.tenant && mine === theirs));
        }
      }),
    );
  });

  it("no dimension's caller is another's", () => {
    const pair = fc.tuple(fc.constantFrom(...dimensions), fc.constantFrom(...dimensions)).filter(([a, b]) => a !== b);
    const named = fc.record({ identity: fc.string({ minLength: 1 }), key: fc.string({ minLength: 1 }), team: text });
    fc.assert(
      fc.property(pair, named, named, ([by, otherwise], a, b) => {
        const headers = { "x-team": a.team };
        expect(counted(by, caller(a, headers))).not.toBe(counted(otherwise, caller(b, headers)));
      }),
    );
  });
});

describe("what is stored", () => {
  it("is a hash where it may be a secret, and where it is long", async () => {
    const secret = await storedAs("header:authorization:acme/Bearer canary");
    expect(secret).toMatch(/^header:authorization:sha256:[0-9a-f]{32}$/);
    expect(await storedAs(`identity:acme/${"x".repeat(500)}`)).toMatch(/^identity:sha256:[0-9a-f]{32}$/);
    expect(await storedAs("identity:acme/alice")).toBe("identity:acme/alice");
    expect(await storedAs("header:x:a/1")).not.toBe(await storedAs("header:x:a/2"));
  });
});
