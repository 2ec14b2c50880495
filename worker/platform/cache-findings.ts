// From answers that repeat themselves to a rule that would keep them: written as an operator would, and read by the policy's own schema
// before anybody sees it. What a rule must never do is not left to judgement: whoever brings a credential or a cookie has entries of
// his own, and an origin that says anything of its own about lifetimes is not overruled.
import * as v from "valibot";
import { cacheOptions } from "../core/cache/options.ts";
import type { Finding } from "../core/insight/findings.ts";
import { findRepeats, keyedBy, play, type RepeatFinding, type Repeats } from "../core/insight/repeats.ts";
import type { CompiledPolicy } from "../core/policy/compiled.ts";
import type { Life } from "../core/insight/suggestions.ts";
import { hostOf } from "./route-facts.ts";

/** Differences that end a trial, and their share. */
const MOST_DIFFERENCES = 2;
const MOST_DIFFERING = 0.02;

interface WrittenRule {
  match: string;
  ttlSeconds: number;
  host?: string;
  varyBy?: string[];
  conditions: { statuses: number[] };
}

export function cacheFindings(
  targets: Iterable<Repeats>,
  policy: CompiledPolicy,
  { hashShare, trialSeconds }: { readonly hashShare: number; readonly trialSeconds: number },
): Finding[] {
  const findings: Finding[] = [];
  for (const target of targets) {
    const index = policy.routes.findIndex(({ id }) => id === target.route);
    const found = index < 0 ? undefined : findRepeats(target, hashShare, trialSeconds / 2);
    if (found === undefined) continue;
    const rule = ruleOf(found, hostOf(policy, index));
    if (!v.safeParse(cacheOptions, { rules: [rule] }).success) continue;
    findings.push(findingOf(found, rule, policy.routes[index]!.service.name));
  }
  return findings;
}

function ruleOf({ pattern, ttlSeconds, keyed }: RepeatFinding, host: string | undefined): WrittenRule {
  const varyBy = [...(keyed.credential ? ["Authorization"] : []), ...(keyed.cookie ? ["Cookie"] : [])];
  return {
    match: `GET ${pattern}`,
    ttlSeconds,
    ...(host === undefined ? {} : { host }),
    ...(varyBy.length === 0 ? {} : { varyBy }),
    conditions: { statuses: [200] },
  };
}

function findingOf(found: RepeatFinding, rule: WrittenRule, service: string): Finding {
  const { route, pattern, ttlSeconds, keyed, hitRatio, played, confidence, meanMs, perHour, callers } = found;
  const isShared = !keyed.credential && !keyed.cookie;
  const whose = isShared ? "to everybody" : `to the same caller (${callers} of them)`;
  const differing = found.differsByCaller
    ? "; different callers got different answers, so each has entries of his own"
    : "";
  return {
    ...{ target: `${route} ${pattern}`, kind: "cache_rule", service, route },
    reason: `GET ${pattern} gave the same answer ${whose} in ${played.hits - played.differed} of ${played.hits} comparisons within ${ttlSeconds} s, and the origin says nothing of caching`,
    change: { path: "cache.rules", before: null, after: rule },
    trial: { kind: "cache_rule", route, rule: JSON.stringify(rule) },
    effect: { measure: "hit_ratio", expected: hitRatio },
    expected: {
      hitRatio: round(hitRatio),
      meanUpstreamMs: round(meanMs),
      requestsPerHour: Math.round(perHour.requests),
      sparedRequestsPerHour: Math.round(perHour.spared),
      sparedBytesPerHour: Math.round(perHour.bytes),
      savedMsPerHour: Math.round(perHour.ms),
      ttlSeconds,
    },
    confidence,
    risk: {
      share: played.hits === 0 ? 0 : played.differed / played.hits,
      reason: `${played.differed} of ${played.hits} answers would have been other than the origin's${differing}`,
    },
    // A rule is judged after its entries had time to become old.
    leastMs: 2 * ttlSeconds * 1_000,
  };
}

/** What the answers of late say against a rule that is being tried or kept; "" for nothing. */
export function harmOf(life: Life, target: Repeats | undefined): string {
  if (life.trial.kind !== "cache_rule" || target === undefined) return "";
  const { ttlSeconds } = JSON.parse(life.trial.rule) as WrittenRule;
  const rows = target.rows.filter(({ at }) => at >= life.shown.appliedAt);
  const { hits, differed } = play(rows, keyedBy(rows), ttlSeconds);
  if (differed <= MOST_DIFFERENCES || differed <= hits * MOST_DIFFERING) return "";
  return `${differed} of ${hits} answers compared since were other than a cache would have given`;
}

/** Of a rule that is tried: which answers say how it does. */
export function patternOf(life: Life): string {
  if (life.trial.kind !== "cache_rule") return "";
  const { match } = JSON.parse(life.trial.rule) as WrittenRule;
  return match.slice(match.indexOf(" ") + 1);
}

const round = (value: number): number => Number(value.toPrecision(4));
