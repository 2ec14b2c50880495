// Why a request would go where it goes: rule, key, candidates, scores and refusals, from the policy in force in the isolate that answers.
// Nothing is sent to any upstream, and nothing moves by asking.
import { useState } from "preact/hooks";
import { post, Problem } from "../api.ts";
import type { Explanation, Lookup, Question } from "../explain/answer.ts";
import { CacheVerdict } from "../explain/cache-verdict.tsx";
import { Choice } from "../explain/choice.tsx";
import { QuestionForm } from "../explain/question.tsx";
import { Badge, Card, Note, PageHead, ProblemNote } from "../parts/basics.tsx";
import { Facts } from "../parts/facts.tsx";
import { Table } from "../parts/table.tsx";

interface Answered {
  readonly explanation: Explanation;
  readonly lookup: Lookup;
}

export function Explain() {
  const [answered, setAnswered] = useState<Answered | undefined>(undefined);
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const ask = async (question: Question): Promise<void> => {
    setBusy(true);
    setProblem(undefined);
    try {
      const [explanation, lookup] = await Promise.all([
        post<Explanation>("explain", question),
        post<Lookup>("cache/lookup", question),
      ]);
      setAnswered({ explanation, lookup });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setAnswered(undefined);
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <PageHead title="Explain a request" lead="Where it would go and why. Nothing is sent to an upstream." />
      <Card name="question">
        <QuestionForm verb="Explain" busy={busy} ask={(question) => void ask(question)} />
      </Card>
      <ProblemNote problem={problem} />
      {answered !== undefined && <Answer {...answered} />}
    </>
  );
}

function Answer({ explanation, lookup }: Answered) {
  const { route, refused, method, host, path, generation, nearMisses } = explanation;
  return (
    <>
      {refused != null && <Note tone="bad">It would be refused. {refused}.</Note>}
      <Card title="Rule" name="rule" aside={<span>generation {generation}</span>}>
        <Facts
          facts={[
            [
              "Asked",
              <code>
                {method} {host}
                {path}
              </code>,
            ],
            ["Route", route === undefined ? <Badge tone="bad">none</Badge> : <code>{route.id}</code>],
            ["Because", route?.why],
            ["Service", route === undefined ? undefined : <strong>{route.service}</strong>],
            [
              "Canary",
              route?.canary === undefined ? undefined : `${route.canary.percent} % go to ${route.canary.service}`,
            ],
            ["Forwarded as", route === undefined ? undefined : <code>{route.forwardedPath}</code>],
            [
              "Identity",
              route === undefined ? undefined : (
                <>
                  {route.auth}
                  {route.permissions.length > 0 && `, with ${route.permissions.join(", ")}`}
                </>
              ),
            ],
            ["Rate limit", route?.rateLimit],
          ]}
        />
      </Card>
      <CacheVerdict lookup={lookup} />
      <Choice explanation={explanation} />
      {nearMisses.length > 0 && (
        <Card title="Routes that came close" name="near-misses">
          <Table
            caption="Routes that the request fits in part, or after the one that took it"
            columns={[
              { title: "Route", cell: ({ route }) => <code>{route}</code> },
              { title: "Place", number: true, cell: ({ index }) => String(index + 1) },
              { title: "Why not", cell: ({ words }) => words },
            ]}
            rows={nearMisses}
            keyOf={({ index }) => String(index)}
            none=""
          />
        </Card>
      )}
    </>
  );
}
