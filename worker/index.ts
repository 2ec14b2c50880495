// The roof: one Worker, and the Durable Objects it is bound to.
import { handle } from "./app.ts";
import type { Env } from "./platform/env.ts";

export { BatchObject } from "../durable-objects/batch.ts";
export { ControlObject } from "../durable-objects/control.ts";
export { InsightObject } from "../durable-objects/insight.ts";
export { LimiterObject } from "../durable-objects/limiter.ts";
export { RegionObject } from "../durable-objects/region.ts";
export { ServiceObject } from "../durable-objects/service.ts";

export default {
  fetch: handle,
} satisfies ExportedHandler<Env>;
