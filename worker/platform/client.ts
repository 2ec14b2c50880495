// Who is asking, by address. On Cloudflare the edge says it in CF-Connecting-IP and nobody else can; on plain workerd a proxy in
// front says it there, or, where there is none, the connection itself does (`CLIENT_ADDRESS=socket`) and the field is nobody's word.
import { clientAddress, connectedAddress } from "../core/http/forwarding.ts";
import type { Env } from "./env.ts";

const FIELD = "cf-connecting-ip";

/** Whether connections are asked instead of the field. */
export const bySocket = (env: Env): boolean => env.CLIENT_ADDRESS === "socket";

/** Address of who is connected, "" when the runtime does not say. */
export function addressOfSocket(request: Request): string {
  return connectedAddress((request.cf as { clientIp?: unknown } | undefined)?.clientIp);
}

/** Address of who asks, "" when nobody says. */
export const addressOf = (env: Env, request: Request): string =>
  bySocket(env) ? addressOfSocket(request) : clientAddress(request.headers.get(FIELD) ?? undefined);
