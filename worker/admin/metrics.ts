// /_sluice/metrics. Two kinds of series stand side by side: `sluice_region_*`, summed over all isolates by each region's
// object, and every other, what the one isolate that answers has counted since it was started (it carries the
// `isolate` label, for the next scrape may meet another). A region that does not answer in time is shown as down.
import type { RegionTotals } from "../core/protocol/objects.ts";
import type { Identity } from "../platform/identity.ts";
import type { Isolate } from "../platform/isolate.ts";
import { DURATION_BOUNDS_MS } from "../platform/metrics.ts";
import { writeCache } from "./cache-metrics.ts";
import type { Asked } from "./context.ts";
import { CONTENT_TYPE, Exposition } from "./exposition.ts";
import { writeInstances, writeTries } from "./instance-metrics.ts";
import { refusal } from "./refuse.ts";
import { regionNames } from "./state.ts";

const OUTCOMES = ["ok", "failed", "limited"] as const;
/** `shadowed` were refused and let pass all the same; they count as spent or blocked too. */
const LIMIT_OUTCOMES = ["passed", "spent", "blocked", "away", "shadowed"] as const;
const ATTEMPT_OUTCOMES = ["ok", "failed", "limited", "timeout", "cancelled"] as const;
const BOUNDS_SECONDS = DURATION_BOUNDS_MS.map((ms) => ms / 1_000);

export async function metrics(c: Asked): Promise<Response> {
  const isolate = c.get("isolate");
  if (isolate.policies.current?.policy.telemetry.prometheus === false) return refusal(c, { code: "not_found" });
  const regions = await Promise.all(
    regionNames(c).map(async (name): Promise<[string, RegionTotals | undefined]> => {
      const totals = await isolate.objects.totals(name);
      return [name, totals.ok ? totals.value : undefined];
    }),
  );
  const out = new Exposition();
  writeRegions(out, regions);
  writeTraffic(out, isolate);
  writeCache(out, isolate);
  writeTries(out, isolate);
  writeInstances(out, isolate, c.get("fleet"));
  writeState(out, isolate);
  writeIdentity(out, isolate, c.get("identity"));
  return new Response(out.toString(), { headers: { "content-type": CONTENT_TYPE } });
}

function writeRegions(out: Exposition, regions: readonly [string, RegionTotals | undefined][]): void {
  const known = regions.flatMap(([region, totals]) => (totals === undefined ? [] : [{ region, totals }]));
  out.family("sluice_region_up", "gauge", "Whether the region's object answered this scrape.");
  for (const [region, totals] of regions) out.sample({ region }, totals === undefined ? 0 : 1);
  out.family("sluice_region_isolates", "gauge", "Isolates that report to the region.");
  for (const { region, totals } of known) out.sample({ region }, totals.isolates);
  out.family("sluice_region_requests_total", "counter", "Requests answered by all isolates of the region.");
  for (const { region, totals } of known) out.sample({ region }, totals.requests.total);
  out.family("sluice_region_requests_failed_total", "counter", "Requests answered with a status of 500 and above.");
  for (const { region, totals } of known) out.sample({ region }, totals.requests.failed);
  out.family(
    "sluice_region_requests_refused_total",
    "counter",
    "Requests the gateway answered with an error of its own.",
  );
  for (const { region, totals } of known) out.sample({ region }, totals.requests.refused);
  const answers = known.flatMap(({ region, totals }) =>
    Object.entries(totals.services).flatMap(([service, instances]) =>
      Object.entries(instances).map(([instance, counts]) => ({ labels: { region, service, instance }, counts })),
    ),
  );
  out.family("sluice_region_upstream_answers_total", "counter", "Attempts at an instance, by how they ended.");
  for (const { labels, counts } of answers)
    for (const outcome of OUTCOMES) out.sample({ ...labels, outcome }, counts[outcome]);
  out.family(
    "sluice_region_upstream_slow_total",
    "counter",
    "Attempts slower than the breaker's limit; also counted by outcome.",
  );
  for (const { labels, counts } of answers) out.sample(labels, counts.slow);
}

const TOKENS = ["uncached", "cacheRead", "cacheWrite", "output", "reasoning"] as const;

function writeAi(out: Exposition, { metrics: { ai }, id }: Isolate): void {
  const counts = [...ai.all].map((count) => ({
    labels: { isolate: id, provider: count.provider, model: count.model },
    count,
  }));
  out.family("sluice_ai_calls_total", "counter", "Calls of AI models, by whether they were answered.");
  for (const { labels, count } of counts) {
    out.sample({ ...labels, outcome: "answered" }, count.answered);
    out.sample({ ...labels, outcome: "failed" }, count.failed);
  }
  out.family("sluice_ai_tokens_total", "counter", "Tokens of answered calls; reasoning is a part of output.");
  for (const { labels, count } of counts) for (const kind of TOKENS) out.sample({ ...labels, kind }, count[kind]);
  out.family("sluice_ai_cost_dollars_total", "counter", "What answered calls cost, where a price is known.");
  for (const { labels, count } of counts) out.sample(labels, count.dollars);
}

function writeTraffic(out: Exposition, isolate: Isolate): void {
  const { metrics: counted, id } = isolate;
  const mine = { isolate: id };
  out.family("sluice_requests_total", "counter", "Requests answered by this isolate, by route and status class.");
  for (const { route, service, classes } of counted.series()) {
    classes.forEach((count, index) => {
      if (count > 0) out.sample({ ...mine, route, service, status: index === 0 ? "other" : `${index}xx` }, count);
    });
  }
  out.family("sluice_request_duration_seconds", "histogram", "Time from a request's arrival to its response headers.");
  for (const { route, service, durations } of counted.series()) {
    out.histogram({ ...mine, route, service }, BOUNDS_SECONDS, durations.counts, durations.sumMs / 1_000);
  }
  out.family("sluice_requests_in_flight", "gauge", "Requests under way in this isolate.");
  out.sample(mine, counted.inFlight);
  out.family("sluice_errors_total", "counter", "Errors the gateway made itself, by the problem's code.");
  for (const [code, count] of counted.refusals) out.sample({ ...mine, code }, count);
  out.family(
    "sluice_panic_choices_total",
    "counter",
    "Choices made while fewer than half of a service's instances stood.",
  );
  for (const [service, count] of counted.panics) out.sample({ ...mine, service }, count);
  out.family("sluice_limit_requests_total", "counter", "Requests that a limit was asked about, by what it said.");
  for (const [limit, counts] of isolate.limiter.counts) {
    for (const outcome of LIMIT_OUTCOMES) out.sample({ ...mine, limit, outcome }, counts[outcome]);
  }
  writeAi(out, isolate);
  const attempts = [...counted.attempts].map(([key, series]) => {
    const slash = key.indexOf("/");
    const [service, instance] = slash < 0 ? [key, key] : [key.slice(0, slash), key.slice(slash + 1)];
    return { labels: { ...mine, service, instance }, series };
  });
  out.family("sluice_upstream_attempts_total", "counter", "Attempts at an instance, by how they ended.");
  for (const { labels, series } of attempts) {
    for (const outcome of ATTEMPT_OUTCOMES)
      if (series[outcome] > 0) out.sample({ ...labels, outcome }, series[outcome]);
  }
  out.family(
    "sluice_upstream_seconds_total",
    "counter",
    "Time spent in attempts at an instance, all outcomes together.",
  );
  for (const { labels, series } of attempts) out.sample(labels, series.sumMs / 1_000);
}

function writeState(out: Exposition, isolate: Isolate): void {
  const { policies, news, region, reporter, objects, id } = isolate;
  const mine = { isolate: id };
  out.family("sluice_isolate_info", "gauge", "The isolate that answered this scrape, and its region.");
  out.sample({ ...mine, region: region.name }, 1);
  out.family(
    "sluice_policy_generation",
    "gauge",
    "Policy generation in force; 0 for one put into KV by hand, -1 for none.",
  );
  out.sample(mine, policies.current?.generation ?? -1);
  out.family("sluice_policy_error", "gauge", "1 while a policy document is refused; ready says which and why.");
  out.sample(mine, policies.error === undefined ? 0 : 1);
  out.family(
    "sluice_policy_documents_total",
    "counter",
    "Policy documents this isolate has read, by what became of them.",
  );
  out.sample({ ...mine, outcome: "taken" }, policies.taken).sample({ ...mine, outcome: "refused" }, policies.refused);
  out.family("sluice_reports_total", "counter", "Reports to the region, by how they ended.");
  out.sample({ ...mine, outcome: "confirmed" }, reporter.sent).sample({ ...mine, outcome: "failed" }, reporter.failed);
  out.family("sluice_news_age_seconds", "gauge", "Age of the control news; -1 when there never was any.");
  out.sample(mine, news.asOf === 0 ? -1 : (isolate.now() - news.asOf) / 1_000);
  out.family("sluice_news_waits_total", "counter", "Requests that waited for control news that had grown too old.");
  out.sample(mine, news.waits);
  out.family("sluice_news_wait_seconds_total", "counter", "How long they waited, all together.");
  out.sample(mine, news.waitedMs / 1_000);
  out.family("sluice_news_colo_total", "counter", "What other isolates of the colo spared this one.");
  out.sample({ ...mine, spared: "question" }, isolate.colo.spared);
  out.sample({ ...mine, spared: "wait" }, isolate.colo.hushed);
  const dependencies = Object.entries({
    region: region.offPath,
    kv: policies.kv,
    limiter: isolate.limiterLink.totals,
    control: objects.control,
    readings: objects.readings,
  });
  out.family("sluice_offpath_calls_total", "counter", "Calls to objects and KV, none of them on a request's path.");
  for (const [dependency, { calls }] of dependencies) out.sample({ ...mine, dependency }, calls);
  out.family(
    "sluice_offpath_failures_total",
    "counter",
    "Calls that brought nothing: timed out, failed, or not made while resting.",
  );
  for (const [dependency, { timeouts, failures, skipped }] of dependencies) {
    out.sample({ ...mine, dependency, kind: "timeout" }, timeouts);
    out.sample({ ...mine, dependency, kind: "failed" }, failures);
    out.sample({ ...mine, dependency, kind: "resting" }, skipped);
  }
}

/** Events by kind, and what the first sight of credentials has cost. */
function writeIdentity(out: Exposition, isolate: Isolate, { known, verifier }: Identity): void {
  const mine = { isolate: isolate.id };
  out.family("sluice_security_events_total", "counter", "Security events in this isolate, by kind.");
  for (const [kind, count] of isolate.security.totals) out.sample({ ...mine, kind }, count);
  out.family("sluice_identity_verifications_total", "counter", "Credentials verified by cryptography, good or not.");
  out.sample(mine, verifier.verified);
  out.family("sluice_identity_lookups_total", "counter", "Records of API keys asked of KV or of ControlObject.");
  out.sample(mine, verifier.keys.lookups);
  out.family("sluice_identity_known", "gauge", "Verified credentials this isolate remembers.");
  out.sample(mine, known.size);
  out.family("sluice_key_set_fetches_total", "counter", "Key sets asked of issuers.");
  out.sample(mine, verifier.fetches);
}
