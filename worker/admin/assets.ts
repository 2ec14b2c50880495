// The files that lie beside the Worker as static assets (scripts/dashboard/build.ts). Which of them are handed out, to whom and as what
// type is said by those who hand them out: no asset stands in front of a path by itself.
import type { Asked } from "./context.ts";

/** Undefined where it is not: nothing is bound, or nothing was built. */
export async function asset(c: Asked, name: string, ifNoneMatch?: string): Promise<Response | undefined> {
  const { ASSETS } = c.env;
  if (ASSETS === undefined) return undefined;
  try {
    const answer = await ASSETS.fetch(`http://assets.invalid/${name}`, {
      headers: ifNoneMatch === undefined ? {} : { "if-none-match": ifNoneMatch },
    });
    return answer.ok || answer.status === 304 ? answer : undefined;
  } catch (error) {
    console.error(`${c.get("correlationId")}: the file ${name} could not be read: ${String(error)}`);
    return undefined;
  }
}
