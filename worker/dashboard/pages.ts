// The pages there are, in the order of the navigation. To add one: write `pages/NAME.tsx`, which exports a component that takes `PageProps`,
// and add its line here. A page reads with `useResource`, writes with `post` or `ask`, follows live figures with `useLive`, is built of `parts/`
// and styled by classes of `style.css` (the policy of the page lets no `style` attribute work). What its user may not do is not offered:
// `useMay("operator")`.
import type { ComponentType } from "preact";
import type { PageProps } from "./page-props.ts";
import { Ai } from "./pages/ai.tsx";
import { Alerts } from "./pages/alerts.tsx";
import { Api } from "./pages/api.tsx";
import { Audit } from "./pages/audit.tsx";
import { Cache } from "./pages/cache.tsx";
import { Chaos } from "./pages/chaos.tsx";
import { Explain } from "./pages/explain.tsx";
import { Overview } from "./pages/overview.tsx";
import { Policy } from "./pages/policy.tsx";
import { Regions } from "./pages/regions.tsx";
import { Security } from "./pages/security.tsx";
import { Services } from "./pages/services.tsx";
import { Suggestions } from "./pages/suggestions.tsx";

export interface Page {
  /** First segment of the address. */
  readonly name: string;
  readonly title: string;
  readonly group: "Watch" | "Act" | "Govern";
  readonly component: ComponentType<PageProps>;
}

export const PAGES: readonly Page[] = [
  { name: "overview", title: "Overview", group: "Watch", component: Overview },
  { name: "services", title: "Services", group: "Watch", component: Services },
  { name: "regions", title: "Regions", group: "Watch", component: Regions },
  { name: "ai", title: "AI", group: "Watch", component: Ai },
  { name: "alerts", title: "Alerts", group: "Watch", component: Alerts },
  { name: "cache", title: "Cache", group: "Act", component: Cache },
  { name: "explain", title: "Explain", group: "Act", component: Explain },
  { name: "chaos", title: "Chaos", group: "Act", component: Chaos },
  { name: "suggestions", title: "Suggestions", group: "Act", component: Suggestions },
  { name: "policy", title: "Policy", group: "Govern", component: Policy },
  { name: "security", title: "Security", group: "Govern", component: Security },
  { name: "audit", title: "Audit log", group: "Govern", component: Audit },
  { name: "api", title: "API", group: "Govern", component: Api },
];
