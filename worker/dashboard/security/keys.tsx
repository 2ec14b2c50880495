// API keys: made, shown once, listed without what would let anybody use them, revoked.
import { useRef, useState } from "preact/hooks";
import { ask, Problem } from "../api.ts";
import { useNow } from "../clock.ts";
import { ago, moment } from "../format.ts";
import { Badge, Button, Card, Field, Note, ProblemNote } from "../parts/basics.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { MoreButton } from "../parts/more.tsx";
import { ActButton, NeedsNote } from "../parts/needs.tsx";
import { say } from "../parts/said.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { usePagedList } from "../paged-list.ts";
import type { KeyShown } from "./answer.ts";

export function KeysCard() {
  const list = usePagedList<KeyShown>("keys", ({ id }) => id, { everyMs: 5_000 });
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<MadeKey | undefined>(undefined);
  const [revoking, setRevoking] = useState<KeyShown | undefined>(undefined);
  const now = useNow(5_000);
  return (
    <Card
      title="API keys"
      name="keys"
      aside={
        <ActButton needs="admin" kind="main" disabled={making} onClick={() => setMaking(true)}>
          Create a key
        </ActButton>
      }
    >
      <div class="stack">
        <NeedsNote needs="admin" what="create or revoke a key" />
        <ProblemNote problem={list.problem} />
        {making && (
          <NewKey
            close={() => setMaking(false)}
            created={(key) => {
              setMaking(false);
              setMade(key);
              list.reload();
            }}
          />
        )}
        {made !== undefined && <Made made={made} close={() => setMade(undefined)} />}
        {list.items !== undefined && (
          <Table
            caption="API keys, the newest first"
            columns={columnsOf(now, setRevoking)}
            rows={list.items}
            keyOf={({ id }) => id}
            none="No key was made yet"
          />
        )}
        <MoreButton list={list} />
      </div>
      {revoking !== undefined && (
        <Confirm
          title={`Revoke ${revoking.name}?`}
          verb="Revoke"
          danger
          act={async () => {
            await ask(`keys/${encodeURIComponent(revoking.id)}`, { method: "DELETE" });
            say(`${revoking.name} is revoked.`);
            list.reload();
          }}
          close={() => setRevoking(undefined)}
        >
          <p>It is refused everywhere within five seconds, and cannot be brought back.</p>
        </Confirm>
      )}
    </Card>
  );
}

const columnsOf = (now: number, revoke: (key: KeyShown) => void): Column<KeyShown>[] => [
  {
    title: "Key",
    cell: ({ name, id }) => (
      <div>
        <strong>{name}</strong>
        <div class="quiet small">
          <code>{id}</code>
        </div>
      </div>
    ),
  },
  {
    title: "Speaks for",
    cell: ({ user, tenant }) => (
      <div>
        {user}
        {tenant !== "" && <div class="quiet small">tenant {tenant}</div>}
      </div>
    ),
  },
  {
    title: "May",
    cell: ({ roles, permissions }) => {
      const all = [...roles, ...permissions];
      return all.length === 0 ? <span class="quiet">nothing in particular</span> : <code>{all.join(", ")}</code>;
    },
  },
  { title: "Rate limit", cell: ({ rateLimit }) => rateLimit ?? <span class="quiet">the route's</span> },
  { title: "Made", cell: ({ createdAt }) => moment(createdAt, now) },
  { title: "State", cell: (key) => <KeyState shown={key} now={now} /> },
  {
    title: "Action",
    cell: (key) =>
      key.revokedAt === null ? (
        <ActButton needs="admin" kind="danger" label={`Revoke ${key.name}`} onClick={() => revoke(key)}>
          Revoke
        </ActButton>
      ) : (
        "–"
      ),
  },
];

function KeyState({ shown: { revokedAt, expiresAt }, now }: { shown: KeyShown; now: number }) {
  if (revokedAt !== null) return <Badge tone="bad">revoked</Badge>;
  if (expiresAt === null) return <Badge tone="good">good</Badge>;
  if (expiresAt <= now) return <Badge tone="bad">ended</Badge>;
  return <Badge tone="good">ends {ago(expiresAt, now)}</Badge>;
}

interface MadeKey {
  readonly name: string;
  readonly key: string;
}

/** The one time that the key itself can be seen. */
function Made({ made, close }: { made: MadeKey; close: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const copy = async (): Promise<void> => {
    field.current?.select();
    try {
      await navigator.clipboard.writeText(made.key);
      say("The key is in the clipboard.");
    } catch {
      // Not every browser lets a page do this: what is marked can be copied by hand.
      say("The key is marked: copy it with the keyboard.");
    }
  };
  return (
    <Note tone="good">
      <p>
        <strong>{made.name}</strong> is good everywhere. This is the only time its key is shown: put it where it belongs
        now.
      </p>
      <div class="copy-line">
        <input class="mono" ref={field} readOnly value={made.key} aria-label="The new key" data-new-key />
        <Button onClick={() => void copy()}>Copy</Button>
        <Button onClick={close}>I have it</Button>
      </div>
    </Note>
  );
}

const words = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

function NewKey({ close, created }: { close: () => void; created: (key: MadeKey) => void }) {
  const [written, setWritten] = useState({
    name: "",
    user: "",
    tenant: "",
    roles: "",
    permissions: "",
    rateLimit: "",
    end: "",
  });
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  const create = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    const { name, user, tenant, roles, permissions, rateLimit, end } = written;
    const body = {
      name: name.trim(),
      ...(user.trim() === "" ? {} : { user: user.trim() }),
      ...(tenant.trim() === "" ? {} : { tenant: tenant.trim() }),
      roles: words(roles),
      permissions: words(permissions),
      ...(rateLimit.trim() === "" ? {} : { rateLimit: rateLimit.trim() }),
      ...(end === "" ? {} : { expiresAt: new Date(end).toISOString() }),
    };
    try {
      const { value } = await ask<MadeKey>("keys", { method: "POST", body });
      created({ name: value.name, key: value.key });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
      setBusy(false);
    }
  };
  const input = (field: keyof typeof written) => (
    <input
      value={written[field]}
      required={field === "name"}
      autocomplete="off"
      onInput={({ currentTarget }) => setWritten({ ...written, [field]: currentTarget.value })}
    />
  );
  return (
    <form class="stack framed" onSubmit={(event) => void create(event)} aria-label="New key">
      <div class="form-grid">
        <Field label="Name">{input("name")}</Field>
        <Field label="User" hint="Whom it speaks for; its name, when left empty.">
          {input("user")}
        </Field>
        <Field label="Tenant">{input("tenant")}</Field>
        <Field
          label="Roles"
          hint="Divided by commas; sluice:viewer, sluice:operator or sluice:admin for this dashboard."
        >
          {input("roles")}
        </Field>
        <Field label="Permissions" hint="Divided by commas.">
          {input("permissions")}
        </Field>
        <Field label="Rate limit" hint="One of security.rateLimits; the route's, when left empty.">
          {input("rateLimit")}
        </Field>
        <Field label="Ends" hint="It does not end, when left empty.">
          <input
            type="datetime-local"
            value={written.end}
            onInput={({ currentTarget }) => setWritten({ ...written, end: currentTarget.value })}
          />
        </Field>
      </div>
      <ProblemNote problem={problem} />
      <div class="row">
        <Button type="submit" kind="main" disabled={busy}>
          {busy ? "Creating …" : "Create"}
        </Button>
        <Button onClick={close}>Cancel</Button>
      </div>
    </form>
  );
}
