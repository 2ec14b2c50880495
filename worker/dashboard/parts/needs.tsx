// What not everybody may do: shown to all, so that a viewer knows what there is, and at rest for those who may not, with the reason.
import type { ComponentChildren } from "preact";
import { session, useMay, type Role } from "../session.ts";
import { useStore } from "../store.ts";
import { Button, Note } from "./basics.tsx";

interface ActButtonProps {
  readonly needs: Role;
  readonly onClick?: () => void;
  readonly kind?: "main" | "plain" | "danger";
  readonly type?: "button" | "submit";
  readonly disabled?: boolean;
  readonly label?: string | undefined;
  readonly children: ComponentChildren;
}

export function ActButton({ needs, disabled = false, ...button }: ActButtonProps) {
  const may = useMay(needs);
  if (may) return <Button {...button} disabled={disabled} />;
  return (
    <span title={`This needs the role ${needs}.`}>
      <Button {...button} disabled />
    </span>
  );
}

/** Once a page, above its actions: why they rest. `what` completes "To …, …". */
export function NeedsNote({ needs, what }: { needs: Role; what: string }) {
  const me = useStore(session);
  const may = useMay(needs);
  if (may || me === undefined) return null;
  return (
    <Note tone="info">
      You are signed in as {me.role}. To {what}, the role {needs} is needed.
    </Note>
  );
}
