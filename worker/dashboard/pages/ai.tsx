// AI: who stands behind the door, how soon and how fast each model answers, what it costs, and what of the budgets is spent.
import { useMemo } from "preact/hooks";
import { count, dollars, duration, moment, NONE, rate, share } from "../format.ts";
import { useLive, type LiveView } from "../live.ts";
import { Badge, Card, Empty, Note, PageHead, ProblemNote } from "../parts/basics.tsx";
import { Chart, type Curve, type Ink } from "../parts/chart.tsx";
import { LiveBadge } from "../parts/live-badge.tsx";
import { Table } from "../parts/table.tsx";
import { useResource } from "../resource.ts";
import { linkTo } from "../router.ts";
import { columnOf, namesOf, rowsOf, type History, type Row } from "../series.ts";
import { breakerTone, breakerWord, type Services } from "../services.ts";

interface Price {
  readonly input: number;
  readonly output: number;
}

interface Provider {
  readonly name: string;
  readonly adapter: string;
  readonly enabled: boolean;
  readonly address: string | null;
  readonly keys: readonly { readonly name: string; readonly isSet: boolean }[];
}

interface Model {
  readonly name: string;
  readonly strategy: string;
  readonly recovery: string;
  readonly targets: readonly { readonly target: string; readonly price: Price | null }[];
}

type PeriodName = "tokensPerMinute" | "tokensPerDay" | "tokensPerMonth" | "dollarsPerDay" | "dollarsPerMonth";

interface Spender {
  readonly who: string;
  readonly share: number;
  readonly periods: readonly {
    readonly name: PeriodName;
    readonly spent: number;
    readonly reserved: number;
    readonly limit: number;
    readonly endsAt: number;
  }[];
}

interface Budget {
  readonly name: string;
  readonly by: string;
  readonly shadow: boolean;
  readonly limits: Readonly<Partial<Record<PeriodName, number>>>;
  readonly spending: readonly Spender[];
}

interface Reading {
  readonly providers: readonly Provider[];
  readonly models: readonly Model[];
  readonly budgets: readonly Budget[];
  readonly unreachable: number;
}

const EVERY_MS = 10_000;
const HOUR = "history?grain=minute&rows=60&step=60&series=model%20*,provider%20*";
const INKS: readonly Ink[] = [1, 2, 3, 5, 4, 6];

export function Ai() {
  const read = useResource<Reading>("ai", EVERY_MS);
  const services = useResource<Services>("services?limit=200", EVERY_MS);
  const hour = useResource<History>(HOUR, EVERY_MS);
  const live = useLive(["model", "provider"]);
  const { value } = read;
  if (value !== undefined && value.providers.length === 0 && value.models.length === 0) {
    return (
      <>
        <PageHead title="AI" />
        <Card>
          <Empty title="The policy names no AI provider">
            With <code>providers</code> and <code>models</code> in the policy, the gateway answers under{" "}
            <code>/v1/</code>.
          </Empty>
        </Card>
      </>
    );
  }
  const past = hour.value === undefined ? [] : rowsOf(hour.value);
  return (
    <>
      <PageHead title="AI" lead="Providers and models: how soon they answer, how fast, for how much.">
        <LiveBadge />
      </PageHead>
      <ProblemNote problem={read.problem ?? services.problem ?? hour.problem} />
      <ModelCurves live={live} />
      <Models models={value?.models ?? []} now={live.now} past={past} />
      <Providers providers={value?.providers ?? []} services={services.value} now={live.now} past={past} />
      <Budgets reading={value} />
    </>
  );
}

function ModelCurves({ live: { rows, isKnown } }: { live: LiveView }) {
  const none = isKnown ? "No streamed answer in the last five minutes" : "Waiting for figures";
  const at = useMemo(() => rows.map((row) => row.at), [rows]);
  const curves = useMemo(() => {
    const names = namesOf(rows, "model").slice(0, INKS.length);
    const of = (measure: "first_token_p50_ms" | "stream_tokens_per_second"): Curve[] =>
      names.map((name, index) => ({
        ...{ label: name, ink: INKS[index] ?? 6 },
        values: columnOf(rows, `model ${name}`, measure),
      }));
    return { first: of("first_token_p50_ms"), speed: of("stream_tokens_per_second") };
  }, [rows]);
  return (
    <div class="grid">
      <Card title="First token, p50" name="first-token" aside="streamed answers">
        <Chart name="First token" at={at} format={duration} none={none} curves={curves.first} />
      </Card>
      <Card title="Tokens a second" name="speed" aside="within a streamed answer">
        <Chart name="Tokens a second" at={at} format={rate} none={none} curves={curves.speed} />
      </Card>
    </div>
  );
}

interface TargetRow {
  readonly model: string;
  readonly target: string;
  readonly isFirst: boolean;
  readonly strategy: string;
  readonly price: Price | null;
}

/** The newest that was measured: now, else in the last hour. */
function figuresOf(now: Row | undefined, past: readonly Row[], series: string) {
  const before = past.at(-1)?.series[series];
  return { now: now?.series[series], hour: before };
}

function Models({ models, now, past }: { models: readonly Model[]; now: Row | undefined; past: readonly Row[] }) {
  const rows = models.flatMap(({ name, strategy, targets }) =>
    targets.map(({ target, price }, index): TargetRow => ({
      ...{ model: name, target, isFirst: index === 0, strategy, price },
    })),
  );
  const of = ({ target }: TargetRow) => figuresOf(now, past, `model ${target}`);
  return (
    <Card title="Models" name="models" aside="calls, failures and cost of the last full minutes, up to an hour">
      <Table
        caption="Models and their targets"
        none="The policy names no model: clients name provider/model"
        rows={rows}
        keyOf={({ model, target }) => `${model} ${target}`}
        columns={[
          {
            title: "Model",
            cell: ({ model, strategy, isFirst }) =>
              isFirst ? (
                <>
                  <strong>{model}</strong> <span class="quiet small">{strategy}</span>
                </>
              ) : (
                <span class="quiet">{model}</span>
              ),
          },
          { title: "Target", cell: ({ target }) => <span class="mono">{target}</span> },
          { title: "Calls", number: true, cell: (row) => count(of(row).hour?.requests ?? 0) },
          { title: "Failed", number: true, cell: (row) => share(of(row).hour?.error_rate) },
          {
            title: "First token",
            number: true,
            cell: (row) => duration((of(row).now ?? of(row).hour)?.first_token_p50_ms),
          },
          {
            title: "Tokens/s",
            number: true,
            cell: (row) => rate((of(row).now ?? of(row).hour)?.stream_tokens_per_second),
          },
          {
            title: "Cost",
            number: true,
            cell: (row) => (row.price === null ? NONE : dollars(of(row).hour?.dollars ?? 0)),
          },
          {
            title: "Price in / out",
            number: true,
            cell: ({ price }) =>
              price === null ? (
                <span class="quiet">not known</span>
              ) : (
                `${dollars(price.input)} / ${dollars(price.output)}`
              ),
          },
        ]}
      />
    </Card>
  );
}

interface ProvidersProps {
  readonly providers: readonly Provider[];
  readonly services: Services | undefined;
  readonly now: Row | undefined;
  readonly past: readonly Row[];
}

function Providers({ providers, services, now, past }: ProvidersProps) {
  const of = ({ name }: Provider) => figuresOf(now, past, `provider ${name}`);
  return (
    <Card title="Providers" name="providers" aside="calls, failures and cost of the last full minutes, up to an hour">
      <Table
        caption="Providers"
        none="The policy names no provider"
        rows={providers}
        keyOf={({ name }) => name}
        columns={[
          {
            title: "Provider",
            cell: ({ name, adapter, address }) => (
              <div>
                <a href={linkTo("services", `ai:${name}`)}>{name}</a> <span class="quiet small">{adapter}</span>
                <div class="quiet small mono">{address ?? "no address"}</div>
              </div>
            ),
          },
          { title: "State", cell: (provider) => <ProviderState provider={provider} services={services} /> },
          { title: "Keys", cell: ({ keys }) => <Keys keys={keys} /> },
          { title: "Calls", number: true, cell: (row) => count(of(row).hour?.requests ?? 0) },
          { title: "Failed", number: true, cell: (row) => share(of(row).hour?.error_rate) },
          {
            title: "First token p95",
            number: true,
            cell: (row) => duration((of(row).now ?? of(row).hour)?.first_token_p95_ms),
          },
          { title: "Cost", number: true, cell: (row) => dollars(of(row).hour?.dollars ?? 0) },
        ]}
      />
    </Card>
  );
}

function ProviderState({ provider, services }: { provider: Provider; services: Services | undefined }) {
  if (!provider.enabled) return <Badge tone="quiet">Switched off</Badge>;
  if (provider.address === null) return <Badge tone="bad">No address</Badge>;
  const instance = services?.items.find(({ name }) => name === `ai:${provider.name}`)?.instances[0];
  if (instance === undefined) return <span class="quiet">{NONE}</span>;
  return <Badge tone={breakerTone(instance.breaker)}>{breakerWord(instance.breaker)}</Badge>;
}

function Keys({ keys }: { keys: Provider["keys"] }) {
  const missing = keys.filter(({ isSet }) => !isSet);
  if (keys.length === 0) return <span class="quiet">none needed</span>;
  if (missing.length === 0) return <>{keys.map(({ name }) => name).join(", ")}</>;
  return <span class="is-bad">{missing.map(({ name }) => name).join(", ")} not set</span>;
}

const UNITS: Readonly<Record<PeriodName, readonly [words: string, format: (value: number) => string]>> = {
  tokensPerMinute: ["tokens a minute", count],
  tokensPerDay: ["tokens a day", count],
  tokensPerMonth: ["tokens a month", count],
  dollarsPerDay: ["a day", dollars],
  dollarsPerMonth: ["a month", dollars],
};

function Budgets({ reading }: { reading: Reading | undefined }) {
  const budgets = reading?.budgets ?? [];
  const unreachable = reading?.unreachable ?? 0;
  return (
    <Card title="Budgets" name="budgets">
      {unreachable > 0 && (
        <Note tone="warn">
          {count(unreachable)} of the objects that keep budgets did not answer: some spenders are missing.
        </Note>
      )}
      {budgets.length === 0 ? (
        <Empty title="The policy has no budget">
          <code>ai.budget</code>, and <code>budget</code> of a model or provider, say what may be spent.
        </Empty>
      ) : (
        <div class="stack">
          {budgets.map((budget) => (
            <BudgetTable key={budget.name} budget={budget} />
          ))}
        </div>
      )}
    </Card>
  );
}

function BudgetTable({ budget: { name, by, shadow, limits, spending } }: { budget: Budget }) {
  const allowed = (Object.entries(limits) as [PeriodName, number][]).map(
    ([period, limit]) => `${UNITS[period][1](limit)} ${UNITS[period][0]}`,
  );
  return (
    <div>
      <h3>
        {name}{" "}
        <span class="quiet small">
          {allowed.join(", ")} for each {by}
          {shadow ? "; only told, not refused" : ""}
        </span>
      </h3>
      <Table
        caption={`Budget ${name}`}
        none="Nothing was spent in the periods that run"
        rows={spending}
        keyOf={({ who }) => who}
        columns={[
          { title: "Who", cell: ({ who }) => <span class="mono">{who}</span> },
          {
            title: "Used",
            cell: ({ share: used }) => (
              <span class="row">
                <meter class="meter" min={0} max={1} high={0.8} low={0.6} optimum={0} value={Math.min(1, used)} />
                {share(used)}
              </span>
            ),
          },
          {
            title: "Spent",
            number: true,
            cell: ({ periods }) =>
              periods.map(({ name: period, spent, reserved, limit, endsAt }) => (
                <div key={period}>
                  {UNITS[period][1](spent)}
                  {reserved > 0 && ` + ${UNITS[period][1](reserved)} reserved`} of {UNITS[period][1](limit)}{" "}
                  {UNITS[period][0]} <span class="quiet small">anew {moment(endsAt, Date.now())}</span>
                </div>
              )),
          },
        ]}
      />
    </div>
  );
}
