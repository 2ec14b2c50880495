// What a handler of the admin paths finds beside the request.
import type { Context } from "hono";
import type { Env } from "../platform/env.ts";
import type { Fleet } from "../platform/fleet.ts";
import type { Identity } from "../platform/identity.ts";
import type { Isolate } from "../platform/isolate.ts";
import type { Role } from "./access.ts";

export interface AdminEnv {
  Bindings: Env;
  Variables: {
    isolate: Isolate;
    identity: Identity;
    fleet: Fleet;
    correlationId: string;
    /** Who asks, as the audit log names it; never a credential. */
    actor: string;
    role: Role;
    /** The request's body, where it has been read already. */
    bodyText?: string;
  };
}

export type Asked = Context<AdminEnv>;
