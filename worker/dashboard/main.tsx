// The dashboard: a program for browsers, built into static files (scripts/dashboard/build.ts) and handed out by the Worker under
// /_sluice/dashboard. It knows the gateway by its admin API alone; of the rest of the Worker it reads core, for the types of what it is
// told. How a page is added: pages.ts.
import { render } from "preact";
import { session } from "./session.ts";
import { Shell } from "./shell.tsx";
import { SignIn } from "./sign-in.tsx";
import { useStore } from "./store.ts";

function App() {
  const me = useStore(session);
  return me === undefined ? <SignIn /> : <Shell me={me} />;
}

const root = document.querySelector("#app");
if (root === null) throw new TypeError("the page has no #app");
render(<App />, root);
