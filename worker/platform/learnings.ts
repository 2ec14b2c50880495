// What `InsightObject` learns of each service (SEEDS P10, P11): with which weights `intelligent_adaptive` mixes its ways of looking. Regions
// bring how choices turned out, and are told the mix that came of it. A change of a mix is stored in the turn that makes it;
// evidence now and then.
import type { InsightReading, LearningReading, LearnNews, LearnSettings } from "../core/protocol/insight.ts";
import type { Mix } from "../core/protocol/reports.ts";
import type { Suggestion } from "../core/protocol/suggestions.ts";
import {
  addTally,
  EXPERTS,
  learnState,
  learnStep,
  reapply,
  revert,
  type LearnState,
  type Optimisation,
} from "../core/routing/learn.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS learning (service TEXT PRIMARY KEY, settings TEXT NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL);`;

const MOST_SERVICES = 1_000;
const SUGGESTIONS_SHOWN = 200;

interface Learning {
  settings: LearnSettings;
  state: LearnState;
  /** Evidence that is not stored yet. */
  dirty: boolean;
}

export class Learnings {
  #sql: SqlStorage;
  /** By service, in order of the last news, oldest first. */
  #learning = new Map<string, Learning>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
    const rows = sql.exec<{ service: string; settings: string; state: string }>(
      "SELECT service, settings, state FROM learning ORDER BY at",
    );
    for (const { service, settings, state } of rows) {
      const stored = { settings: JSON.parse(settings) as LearnSettings, state: JSON.parse(state) as LearnState };
      this.#learning.set(service, { ...stored, dirty: false });
    }
  }

  get services(): number {
    return this.#learning.size;
  }

  /** Writes down what is not stored yet. */
  store(now: number): void {
    for (const [service, learning] of this.#learning) if (learning.dirty) this.#store(service, learning, now);
  }

  learn(news: Record<string, LearnNews>, now: number): Record<string, Mix> {
    const mixes: Record<string, Mix> = {};
    for (const [service, { settings, tally }] of Object.entries(news)) {
      const learning = this.#take(service, settings, now);
      addTally(learning.state.tally, tally);
      learning.dirty = true;
      const next = learnStep(learning.state, now, settings);
      const changed = next.mix !== learning.state.mix || next.records !== learning.state.records;
      learning.state = next;
      if (changed) this.#store(service, learning, now);
      if (settings.learn && !sameMix(next.mix, settings)) mixes[service] = next.mix;
    }
    return mixes;
  }

  /** What is known of a service. Another start in the policy is another beginning: nothing learned from the old one holds. */
  #take(service: string, settings: LearnSettings, now: number): Learning {
    let learning = this.#learning.get(service);
    if (learning === undefined || !sameMix(learning.settings, settings)) {
      const state = learnState(service, settings, now);
      const { nextId, records } = learning?.state ?? state;
      learning = { settings, state: { ...state, nextId, records }, dirty: true };
    }
    learning.settings = settings;
    this.#learning.delete(service);
    this.#learning.set(service, learning);
    if (this.#learning.size > MOST_SERVICES) this.#forget(this.#learning.keys().next().value!);
    return learning;
  }

  #forget(service: string): void {
    this.#learning.delete(service);
    this.#sql.exec("DELETE FROM learning WHERE service = ?", service);
  }

  has(id: string): boolean {
    const { service, number } = partsOf(id);
    return this.#learning.get(service)?.state.records.some((each) => each.id === number) ?? false;
  }

  decide(id: string, decision: "apply" | "rollback", now: number): Suggestion | undefined {
    const { service, number } = partsOf(id);
    const learning = this.#learning.get(service);
    const record = learning?.state.records.find((each) => each.id === number);
    if (learning === undefined || record === undefined) return undefined;
    const decide = decision === "apply" ? reapply : revert;
    learning.state = decide(learning.state, number, now);
    this.#store(service, learning, now);
    return suggestionOf(record, learning.state);
  }

  reading(): InsightReading {
    const learning = [...this.#learning].map(([service, { settings, state }]): [string, LearningReading] => {
      const { performance, load, proximity, adaptive } = settings;
      const start = { performance, load, proximity, adaptive };
      return [service, { start, mix: state.mix, choices: state.tally.choices, analysedAt: state.analysedAt }];
    });
    const suggestions = [...this.#learning.values()]
      .flatMap(({ state }) => state.records.map((record) => suggestionOf(record, state)))
      .toSorted((a, b) => b.appliedAt - a.appliedAt || b.id.localeCompare(a.id, "en", { numeric: true }));
    return { learning: Object.fromEntries(learning), suggestions: suggestions.slice(0, SUGGESTIONS_SHOWN) };
  }

  #store(service: string, learning: Learning, now: number): void {
    learning.dirty = false;
    const row = [service, JSON.stringify(learning.settings), JSON.stringify(learning.state), now];
    this.#sql.exec("INSERT OR REPLACE INTO learning (service, settings, state, at) VALUES (?, ?, ?, ?)", ...row);
  }
}

const sameMix = (a: Mix, b: Mix): boolean => EXPERTS.every((expert) => a[expert] === b[expert]);

/** The weights are the policy's start until something is learned: what is before a change stands in the record. */
function suggestionOf(record: Optimisation, { mix, records }: LearnState): Suggestion {
  const { id, kind, service, before, after, expectedImprovement, confidence, appliedAt, effectiveness } = record;
  const isInForce = sameMix(after, mix);
  const undone = records.find((each) => each.id > id && each.kind === "revert" && sameMix(each.after, before));
  const state = isInForce ? "kept" : undone === undefined ? "superseded" : "rolled_back";
  const reason =
    kind === "mix"
      ? "choices turned out better where these weights agreed with them"
      : "answers got worse after a change, or an operator took it back: the weights before it";
  return {
    ...{ id: `${service}.${id}`, kind: "mix", state, service, route: "", reason },
    change: {
      path: `services.${service}.routing.adaptive`,
      before: JSON.stringify(before),
      after: JSON.stringify(after),
    },
    effect: { measure: "worth", expected: expectedImprovement, real: effectiveness },
    ...{ expected: {}, confidence, risk: { share: 0, reason: "" }, measured: null, holdoutShare: 0 },
    ...{ proposedAt: appliedAt, appliedAt, decidedAt: undone?.appliedAt ?? appliedAt, decidedBy: "insight" },
    outcome: isInForce ? "in force" : undone === undefined ? "a later change stands in its place" : "taken back",
  };
}

/** Service names may hold dots: the number stands behind the last one. */
function partsOf(id: string): { service: string; number: number } {
  const dot = id.lastIndexOf(".");
  return { service: id.slice(0, dot), number: Number(id.slice(dot + 1)) };
}
