// The table of who may ask what of the admin API, held against the API itself: whatever is registered stands in it, and
// whatever stands in it is registered. A new endpoint without a line in admin/access.ts fails here, and is refused to all.
import { describe, expect, it } from "vitest";
import { mayAsk, NEEDS, roleAmong, ROLES } from "../../worker/admin/access.ts";
import { createAdmin } from "../../worker/admin/app.ts";
import { ADMIN_ENDPOINTS, OPEN_ENDPOINTS } from "../../worker/admin/endpoints.ts";

const app = createAdmin(() => {
  throw new Error("nothing is asked here");
});
const BASE = "/_sluice";
const admin = app.routes.filter(({ path }) => path.startsWith(`${BASE}/admin`));

describe("the table of access", () => {
  it("holds every endpoint that is registered, and no other", () => {
    const registered = admin.filter(({ method }) => method !== "ALL");
    const names = registered.map(({ method, path }) => `${method} ${path.slice(BASE.length)}`);
    expect(names.toSorted()).toEqual(Object.keys(NEEDS).toSorted());
  });

  it("and so do the endpoints that are documented: all but the dashboard's, and the socket that no document can describe", () => {
    const others = /^\/_sluice\/(dashboard|live$)/;
    const served = app.routes
      .filter(({ method, path }) => method !== "ALL" && !others.test(path))
      .map(({ method, path }) => `${method} ${path.slice(BASE.length)}`);
    expect(Object.keys({ ...ADMIN_ENDPOINTS, ...OPEN_ENDPOINTS }).toSorted()).toEqual(served.toSorted());
  });

  it("nothing is served for all methods but the guard, and refusals of those that are not served", () => {
    const own = new Set(admin.filter(({ method }) => method !== "ALL").map(({ path }) => path));
    const all = admin.filter(({ method, path }) => method === "ALL" && !own.has(path));
    expect(all.map(({ path }) => path)).toEqual([`${BASE}/admin/*`]);
  });

  it("every change needs more than looking", () => {
    for (const [name, role] of Object.entries(NEEDS)) {
      const [method] = name.split(" ");
      const looks =
        method === "GET" ||
        ["POST /admin/live", "POST /admin/policy/check", "POST /admin/explain", "POST /admin/cache/lookup"].includes(
          name,
        );
      if (looks) expect(role, name).toBe("viewer");
      else expect(role, name).not.toBe("viewer");
    }
  });

  it("each role may what the one before it may, and nobody what is not listed", () => {
    for (const name of Object.keys(NEEDS)) {
      const [method = "", path = ""] = name.split(" ");
      const may = ROLES.map((role) => mayAsk(role, method, path));
      expect(may).toEqual(may.toSorted((a, b) => Number(a) - Number(b)));
      expect(may.at(-1)).toBe(true);
    }
    for (const path of ["/admin", "/admin/nothing", "/admin/policy/", "/health", "constructor", ""]) {
      for (const role of ROLES) expect(mayAsk(role, "GET", path)).toBe(false);
    }
  });

  it("a role is known by its whole name", () => {
    expect(roleAmong([])).toBeUndefined();
    expect(roleAmong(["admin", "*", "sluice:*", "Sluice:admin", "sluice:admin "])).toBeUndefined();
    expect(roleAmong(["sluice:viewer"])).toBe("viewer");
    expect(roleAmong(["sluice:viewer", "sluice:admin", "sluice:operator"])).toBe("admin");
  });
});
