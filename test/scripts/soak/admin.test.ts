// Lists of any length, page by page, as the admin API gives them: the soak asks for all that was ever acknowledged.
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { Admin } from "../../../scripts/soak/admin.ts";

const servers: http.Server[] = [];
afterEach(() => servers.splice(0).map((server) => server.close()));

/** Numbers below the cursor that `parameter` names, newest first, two a page. */
async function listing(numbers: number, parameter: string): Promise<Admin> {
  const server = http.createServer((request, answer) => {
    const { searchParams } = new URL(request.url ?? "", "http://a");
    const below = Number(searchParams.get(parameter) ?? numbers + 1);
    const items = [below - 1, below - 2].filter((number) => number > 0);
    answer.end(JSON.stringify({ items, next: items.length === 2 ? String(items[1]) : null }));
  });
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  return new Admin([`http://127.0.0.1:${(server.address() as AddressInfo).port}`], () => {});
}

it("reads every page once", async () => {
  const admin = await listing(5, "cursor");
  expect(await admin.list(0, "keys", 2)).toEqual([5, 4, 3, 2, 1]);
});

it("does not go round in a list whose pages do not go on", async () => {
  const admin = await listing(5, "before");
  await expect(admin.list(0, "keys", 2)).rejects.toThrow("keys has a page behind 4");
});
