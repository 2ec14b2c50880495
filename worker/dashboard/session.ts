// Who is signed in. The token lives in this module's memory and nowhere else: no cookie, no storage, no URL, for what upstreams
// serve shares the origin. It is gone with the page, and when the gateway no longer takes it.
import { Store, useStore } from "./store.ts";

export type Role = "viewer" | "operator" | "admin";

const ROLES: readonly Role[] = ["viewer", "operator", "admin"];

export interface Me {
  readonly actor: string;
  readonly role: Role;
  readonly region: string;
  readonly generation: number | null;
  /** What upstreams serve stands on the same origin as this page. */
  readonly sharesOrigin: boolean;
}

export const session = new Store<Me | undefined>(undefined);
/** Why nobody is signed in any more; "" for no reason that needs telling. */
export const farewell = new Store("");

let token: string | undefined;

export const authorization = (): string | undefined => (token === undefined ? undefined : `Bearer ${token}`);

export function enter(given: string, me: Me): void {
  token = given;
  farewell.set("");
  session.set(me);
}

export function leave(why = ""): void {
  token = undefined;
  farewell.set(why);
  session.set(undefined);
}

/** Whether who is signed in may do what needs this role. */
export function useMay(role: Role): boolean {
  const me = useStore(session);
  return me !== undefined && ROLES.indexOf(me.role) >= ROLES.indexOf(role);
}
