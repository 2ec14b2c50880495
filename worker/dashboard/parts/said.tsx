// What was just done, said once: in a corner for eyes, politely for readers.
import { Store, useStore } from "../store.ts";

const said = new Store<string>("");
let timer = 0;

export function say(text: string): void {
  said.set(text);
  window.clearTimeout(timer);
  timer = window.setTimeout(() => said.set(""), 6_000);
}

export function Said() {
  const text = useStore(said);
  return (
    <div class="said" role="status">
      {text !== "" && <p>{text}</p>}
    </div>
  );
}
