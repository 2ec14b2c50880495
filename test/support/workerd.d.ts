// What `env` of "cloudflare:workers" holds in tests inside workerd: the gateway's own bindings.
import type { Env as GatewayEnv } from "../../worker/platform/env.ts";

declare global {
  namespace Cloudflare {
    interface Env extends GatewayEnv {}
  }
}
