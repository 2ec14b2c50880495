// The rest of a long list, when somebody wants it.
import { Button } from "./basics.tsx";

interface MoreProps {
  readonly list: { readonly hasMore: boolean; readonly more: () => Promise<void> };
}

export function MoreButton({ list }: MoreProps) {
  if (!list.hasMore) return null;
  return (
    <div class="more">
      <Button onClick={() => void list.more()}>Show older</Button>
    </div>
  );
}
