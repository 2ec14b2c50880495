// The pages there are, in the order of the navigation. To add one: write `pages/NAME.tsx`, which exports a component that takes `PageProps`,
// and add its line here. A page reads with `useResource`, writes with `post` or `ask`, follows live figures with `useLive`, is built of `parts/`
// and styled by classes of `style.css` (the policy of the page lets no `style` attribute work). What its user may not do is not offered:
// `useMay("operator")`.
import type { ComponentType } from "preact";

export interface PageProps {
  /** What follows the page's name in the address, decoded: `#/services/orders` gives `["orders"]`. */
  readonly rest: readonly string[];
}

export interface Page {
  /** First segment of the address. */
  readonly name: string;
  readonly title: string;
  readonly group: "Watch" | "Act" | "Govern";
  readonly component: ComponentType<PageProps>;
}

import { Overview } from "./pages/overview.tsx";

export const PAGES: readonly Page[] = [{ name: "overview", title: "Overview", group: "Watch", component: Overview }];
