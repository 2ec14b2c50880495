// The frame around every page: navigation, who is signed in, light or dark. On narrow screens the navigation is a row above the page.
import { useEffect } from "preact/hooks";
import { forget } from "./api.ts";
import { PAGES, type Page } from "./pages.ts";
import { Button, Empty } from "./parts/basics.tsx";
import { Said } from "./parts/said.tsx";
import { linkTo, place } from "./router.ts";
import { leave, type Me } from "./session.ts";
import { useStore } from "./store.ts";
import { theme, type Theme } from "./theme.ts";

const GROUPS: readonly Page["group"][] = ["Watch", "Act", "Govern"];
const THEMES: Readonly<Record<Theme, readonly [next: Theme, word: string]>> = {
  system: ["dark", "System"],
  dark: ["light", "Dark"],
  light: ["system", "Light"],
};

export function Shell({ me }: { me: Me }) {
  const { page: name, rest } = useStore(place);
  const page = name === "" ? PAGES[0] : PAGES.find((each) => each.name === name);
  useEffect(() => {
    document.title = page === undefined ? "Sluice" : `${page.title} · Sluice`;
    document.querySelector<HTMLElement>(".navigation [aria-current]")?.scrollIntoView({ block: "nearest" });
    return () => {
      document.title = "Sluice";
    };
  }, [page]);
  return (
    <div class="shell">
      <a class="skip" href="#page-title" onClick={skip}>
        Skip to the page
      </a>
      <aside class="side">
        <div class="side-inner">
          <div class="brand">
            <img src="/_sluice/dashboard/icon.svg" width="24" height="24" alt="" />
            <span>Sluice</span>
          </div>
          <nav class="navigation" aria-label="Pages">
            {GROUPS.filter((group) => PAGES.some((each) => each.group === group)).map((group) => (
              <div key={group} class="navigation-group">
                <div class="navigation-title">{group}</div>
                {PAGES.filter((each) => each.group === group).map((each) => (
                  <a key={each.name} href={linkTo(each.name)} aria-current={each === page ? "page" : undefined}>
                    {each.title}
                  </a>
                ))}
              </div>
            ))}
          </nav>
        </div>
      </aside>
      <div class="body">
        <TopBar me={me} />
        <main class="page" key={name}>
          {page === undefined ? (
            <Empty title="There is no such page">
              <a href={linkTo("overview")}>Go to the overview</a>
            </Empty>
          ) : (
            <page.component rest={rest} />
          )}
        </main>
      </div>
      <Said />
    </div>
  );
}

/** The address is the router's: what is skipped to is focused instead. */
function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>("#page-title")?.focus();
}

function TopBar({ me }: { me: Me }) {
  const look = useStore(theme);
  const [next, word] = THEMES[look];
  const signOut = (): void => {
    forget();
    leave();
  };
  return (
    <header class="top">
      <div class="top-state">
        <span class="quiet">answered from</span> <strong>{me.region === "" ? "no region" : me.region}</strong>
      </div>
      <div class="top-who">
        <span class="who">
          {me.actor} <span class="quiet">· {me.role}</span>
        </span>
        <Button onClick={() => theme.set(next)} label={`Theme ${word}; switch to ${next}`}>
          {word}
        </Button>
        <Button onClick={signOut}>Sign out</Button>
      </div>
    </header>
  );
}
