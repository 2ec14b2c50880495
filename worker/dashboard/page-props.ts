// What every page is given; apart from the list of pages, which imports them all.

export interface PageProps {
  /** What follows the page's name in the address, decoded: `#/services/orders` gives `["orders"]`. */
  readonly rest: readonly string[];
}
