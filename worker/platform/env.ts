// What the runtime hands to the Worker and its objects: the bindings and variables of wrangler.toml, and no others.
// Anything that may be missing is optional here, so that every reader says what it does without it.
import type { BatchRpc } from "../core/protocol/batch.ts";
import type { InsightRpc } from "../core/protocol/insight.ts";
import type { LimiterRpc } from "../core/protocol/limiter.ts";
import type { ControlRpc, RegionRpc, ServiceRpc } from "../core/protocol/objects.ts";

type ObjectNamespace<Rpcs> = DurableObjectNamespace<Rpcs & Rpc.DurableObjectBranded>;

export interface Env {
  /** The published policy. */
  readonly KV: KVNamespace;
  readonly SERVICE: ObjectNamespace<ServiceRpc>;
  readonly REGION: ObjectNamespace<RegionRpc>;
  readonly CONTROL: ObjectNamespace<ControlRpc>;
  readonly INSIGHT: ObjectNamespace<InsightRpc>;
  readonly LIMITER: ObjectNamespace<LimiterRpc>;
  /** Analytics Engine; records go there where it is bound and the policy says so. */
  readonly ANALYTICS?: AnalyticsEngineDataset;
  readonly BATCH: ObjectNamespace<BatchRpc>;
  /** The dashboard's files; without them its page says how to get them. */
  readonly ASSETS?: Fetcher;
  /** Region of the policy this deployment answers from; empty: the region nearest to the colo. */
  readonly REGION_NAME?: string;
  /** Bearer token of the admin API; without it the admin API refuses. */
  readonly ADMIN_TOKEN?: string;
  /** "true" lets targets be private or loopback addresses. */
  readonly ALLOW_PRIVATE?: string;
  /** "socket": the client is who is connected, on plain workerd without a proxy in front. Else CF-Connecting-IP says it. */
  readonly CLIENT_ADDRESS?: string;
  /** "none" where the runtime has no Cache API: plain workerd. */
  readonly CACHE_API?: string;
}
