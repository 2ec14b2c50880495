// Who may ask what of the admin API: one table, and what does not stand in it nobody may. Three roles, each holding what the
// one before it may: a viewer looks, an operator acts on what the policy has set up, an admin changes policy and keys.

export type Role = "viewer" | "operator" | "admin";

/** From the least to the most. */
export const ROLES: readonly Role[] = ["viewer", "operator", "admin"];

/** As tokens and keys carry it, among their roles or permissions. */
const roleName = (role: Role): string => `sluice:${role}`;

/** `METHOD path` below /_sluice, as the app registers it. HEAD goes with GET. */
export const NEEDS = {
  "GET /admin/me": "viewer",
  "GET /admin/openapi.json": "viewer",
  "POST /admin/live": "viewer",
  "GET /admin/policy": "viewer",
  "PUT /admin/policy": "admin",
  "PATCH /admin/policy": "admin",
  "POST /admin/policy/check": "viewer",
  "POST /admin/policy/rollback": "admin",
  "GET /admin/policy/history": "viewer",
  "POST /admin/explain": "viewer",
  "GET /admin/services": "viewer",
  "GET /admin/services/:name": "viewer",
  "POST /admin/services/:name/instances/:action": "operator",
  "GET /admin/regions": "viewer",
  "GET /admin/cache/stats": "viewer",
  "GET /admin/cache/keys": "viewer",
  "GET /admin/cache/warmth": "viewer",
  "POST /admin/cache/lookup": "viewer",
  "POST /admin/cache/purge": "operator",
  "GET /admin/suggestions": "viewer",
  "GET /admin/suggestions/:action": "viewer",
  "POST /admin/suggestions/:action": "operator",
  "GET /admin/alerts": "viewer",
  "POST /admin/alerts/:action": "operator",
  "GET /admin/history": "viewer",
  "GET /admin/ai": "viewer",
  "GET /admin/chaos/experiments": "viewer",
  "POST /admin/chaos/experiments": "operator",
  "GET /admin/chaos/experiments/:action": "viewer",
  "POST /admin/chaos/experiments/:action": "operator",
  "GET /admin/audit": "viewer",
  "GET /admin/keys": "viewer",
  "POST /admin/keys": "admin",
  "GET /admin/keys/:id": "viewer",
  "PATCH /admin/keys/:id": "admin",
  "DELETE /admin/keys/:id": "admin",
  "GET /admin/security": "viewer",
} as const satisfies Readonly<Record<string, Role>>;

/** The greatest role among these; undefined for none. */
export function roleAmong(held: readonly string[]): Role | undefined {
  return ROLES.findLast((role) => held.includes(roleName(role)));
}

/** Default deny: what the table does not know needs more than anybody has. */
export function mayAsk(role: Role, method: string, path: string): boolean {
  const needed = neededFor(method, path);
  return needed !== undefined && ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** What a caller who may not would need, as tokens and keys carry it; empty where nobody may. */
export function rolesFor(method: string, path: string): readonly string[] {
  const needed = neededFor(method, path);
  return needed === undefined ? [] : [roleName(needed)];
}

function neededFor(method: string, path: string): Role | undefined {
  const name = `${method === "HEAD" ? "GET" : method} ${path}`;
  return Object.hasOwn(NEEDS, name) ? NEEDS[name as keyof typeof NEEDS] : undefined;
}
