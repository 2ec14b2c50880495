// Names under which entries can be purged together: those of the rule and those the origin wrote, as `Cache-Tag` (commas) or
// `Surrogate-Key` (spaces). An origin writes what it likes: how many and how long they are is bounded here.

const MOST_TAGS = 64;
const LONGEST_TAG = 128;

export interface TagSource {
  header(name: string): string | null;
}

/** Without duplicates; compared as written. */
export function tagsOf(rule: readonly string[], answer: TagSource): readonly string[] {
  const commas = answer.header("cache-tag");
  const spaces = answer.header("surrogate-key");
  if (commas === null && spaces === null) return rule;
  const tags = new Set(rule);
  for (const written of commas?.split(",") ?? []) add(tags, written.trim());
  for (const written of spaces?.split(" ") ?? []) add(tags, written.trim());
  return [...tags];
}

function add(tags: Set<string>, tag: string): void {
  if (tag !== "" && tag.length <= LONGEST_TAG && tags.size < MOST_TAGS) tags.add(tag);
}
