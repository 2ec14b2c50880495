// What the AI door refuses and an operator should see as a security event, as on every other route. What identity refuses it
// notes itself.
import type { SecurityEventKind } from "../core/security/events.ts";
import type { AiWalk } from "./walk.ts";

export function noteIncident(walk: AiWalk, kind: SecurityEventKind, detail: string): void {
  const { security, address, arrivedAt } = walk;
  const who = security.keyId || security.user;
  walk.gateway.isolate.security.note({ kind, detail, route: "ai", address, who }, arrivedAt);
}
