// How fresh what is shown is: live, asked for every few seconds, or not there yet.
import { liveState } from "../live.ts";
import { useNow } from "../clock.ts";
import { useStore } from "../store.ts";
import { Badge } from "./basics.tsx";

export function LiveBadge() {
  const state = useStore(liveState);
  const now = useNow();
  switch (state.kind) {
    case "off":
      return null;
    case "connecting":
      return <Badge tone="quiet">Connecting …</Badge>;
    case "live":
      return <Badge tone="good">Live</Badge>;
    case "polling": {
      const seconds = Math.max(0, Math.ceil((state.retryAt - now) / 1_000));
      return state.comes ? (
        <Badge tone="warn">{`Reconnecting in ${seconds} s, asking every 5 s`}</Badge>
      ) : (
        <Badge tone="bad">{`No answer, trying again in ${seconds} s`}</Badge>
      );
    }
  }
}
