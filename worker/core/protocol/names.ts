// Every KV key and object name stands here and nowhere else.

/** KV: the published policy document. */
export const POLICY_KEY = "policy/current";

/** The one `ControlObject`. */
export const CONTROL_NAME = "control";

/** One `RegionObject` a region. */
export const regionObjectName = (region: string): string => `region:${region}`;

/** One `ServiceObject` a service and region. */
export const serviceObjectName = (service: string, region: string): string => `service:${service}@${region}`;

/** The one `InsightObject`. */
export const INSIGHT_NAME = "insight";
