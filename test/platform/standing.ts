// A fleet without a gateway around it: services of a policy in one isolate, with a region that the test plays.
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
import { compilePolicy } from "../../worker/core/policy/compile.ts";
import { parsePolicy } from "../../worker/core/policy/parse.ts";
import type { CompiledPolicy } from "../../worker/core/policy/compiled.ts";
import type { Reply } from "../../worker/core/protocol/reports.ts";
import { seededChance } from "../../worker/core/stats/chance.ts";
import { Fleet } from "../../worker/platform/fleet.ts";
import type { ServiceState } from "../../worker/platform/services.ts";

type Services = NonNullable<WrittenPolicy["services"]>;

export function compiled(services: Services, sections: Partial<WrittenPolicy> = {}, generation = 1): CompiledPolicy {
  const parsed = parsePolicy(JSON.stringify({ cache: false, ...sections, services }));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return compilePolicy(parsed.value, generation);
}

/** What a region says that has nothing to say. */
const silence = (at: number, said: Partial<Reply> = {}): Reply => ({
  at,
  epochs: { policy: 1, purge: 0, keys: 0, chaos: 0, trials: 0 },
  newsAgeMs: 0,
  verdicts: {},
  leases: {},
  health: {},
  nextReportMs: 1_000,
  ...said,
});

export class Standing {
  readonly fleet: Fleet;
  policy: CompiledPolicy;
  hurried = 0;
  asked = 0;
  proven = true;
  /** What the region says when asked; undefined for nothing. */
  reply: (() => Reply) | undefined = () => silence(Date.now());
  readonly ended: string[] = [];

  constructor(services: Services, sections: Partial<WrittenPolicy> = {}) {
    this.policy = compiled(services, sections);
    this.fleet = new Fleet({
      allowPrivate: true,
      region: () => "weur",
      proven: () => this.proven,
      hurry: () => void this.hurried++,
      ask: async (_, patienceMs) => {
        this.asked++;
        const said = this.reply?.();
        if (said === undefined) await new Promise((resolve) => setTimeout(resolve, patienceMs));
        else this.fleet.hear(said, Date.now());
      },
      metrics: () => ({
        attempt: (key, how) => void this.ended.push(`${key} ${how}`),
        panic: () => {},
        tried: () => {},
      }),
      chance: seededChance(7),
    });
    this.hear();
  }

  service(name: string): ServiceState {
    return this.fleet.service(this.policy, this.policy.services.get(name)!);
  }

  hear(said: Partial<Reply> = {}): void {
    this.fleet.hear(silence(Date.now(), said), Date.now());
  }
}
