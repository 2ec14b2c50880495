// `users`: a JSON API over one small table of customers, as several instances in front of one database would serve it.
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { notFound, readJson, sendJson, urlOf } from "./instance.ts";
import type { Handler } from "./instance.ts";

interface Customer {
  id: number;
  name: string;
  city: string;
  email: string;
  since: string;
  orders: number;
}

const PEOPLE: readonly (readonly [name: string, city: string, since: string, orders: number])[] = [
  ["Amara Okafor", "Lagos", "2019-03-14", 41],
  ["Björn Lindqvist", "Uppsala", "2020-11-02", 12],
  ["Chen Wei", "Chengdu", "2018-06-21", 67],
  ["Dalia Haddad", "Beirut", "2021-01-30", 9],
  ["Elena Petrova", "Plovdiv", "2017-09-08", 88],
  ["Farid Rahimi", "Shiraz", "2022-04-17", 5],
  ["Grace Mwangi", "Nakuru", "2019-12-05", 33],
  ["Hiroshi Tanaka", "Sendai", "2016-05-27", 120],
  ["Inês Carvalho", "Braga", "2020-02-11", 22],
  ["Jonas Weber", "Kassel", "2018-10-19", 54],
  ["Kavita Rao", "Mysuru", "2021-07-23", 17],
  ["Liam Byrne", "Galway", "2019-08-01", 38],
  ["Mariana Quispe", "Arequipa", "2022-09-12", 3],
  ["Noor Siddiqui", "Lahore", "2020-06-06", 26],
  ["Oskar Nowak", "Łódź", "2017-02-15", 71],
  ["Priya Menon", "Kochi", "2023-03-03", 2],
];

const mailOf = (name: string): string =>
  `${name
    .normalize("NFD")
    .replaceAll(/[^A-Za-z ]/g, "")
    .toLowerCase()
    .replaceAll(" ", ".")}@mail.example`;

/** A handler for each instance over the one table they share. */
export function users(): Handler {
  const table = new Map<number, Customer>(
    PEOPLE.map(([name, city, since, orders], index) => [
      index + 1,
      { id: index + 1, name, city, email: mailOf(name), since, orders },
    ]),
  );
  let lastId = table.size;

  async function write(request: IncomingMessage, response: ServerResponse, id: number | undefined): Promise<void> {
    const body = await readJson(request);
    const fields = typeof body === "object" && body !== null ? body : {};
    const name = "name" in fields && typeof fields.name === "string" ? fields.name : undefined;
    if (name === undefined) return sendJson(response, 422, { error: "a JSON object with a name is needed" });
    const city = "city" in fields && typeof fields.city === "string" ? fields.city : "";
    const before = id === undefined ? undefined : table.get(id);
    if (id !== undefined && before === undefined) return notFound(request, response);
    const customer = {
      id: id ?? ++lastId,
      name,
      city,
      email: mailOf(name),
      since: before?.since ?? new Date().toISOString().slice(0, 10),
      orders: before?.orders ?? 0,
    };
    table.set(customer.id, customer);
    if (table.size > 1000) table.delete(table.keys().next().value ?? 0);
    if (id === undefined) response.setHeader("Location", `/users/${customer.id}`);
    sendJson(response, id === undefined ? 201 : 200, customer);
  }

  function read(request: IncomingMessage, response: ServerResponse, customer: Customer): void {
    const tag = `"${createHash("sha256").update(JSON.stringify(customer)).digest("hex").slice(0, 16)}"`;
    response.setHeader("ETag", tag);
    if (request.headers["if-none-match"] === tag) response.writeHead(304).end();
    else sendJson(response, 200, customer);
  }

  function list(request: IncomingMessage, response: ServerResponse): void {
    const { searchParams } = urlOf(request);
    const after = Number(searchParams.get("after") ?? 0);
    const limit = Math.min(100, Number(searchParams.get("limit") ?? 10) || 10);
    const page = [...table.values()].filter(({ id }) => id > after).slice(0, limit);
    const last = page.at(-1)?.id;
    sendJson(response, 200, {
      items: page,
      next: last !== undefined && last < lastId ? `/users?after=${last}&limit=${limit}` : null,
    });
  }

  return (request, response, instance) => {
    const { pathname } = urlOf(request);
    if (pathname === "/health") return sendJson(response, 200, { status: "ok", instance: instance.id });
    const [, id] = /^\/users(?:\/(\d+))?$/.exec(pathname) ?? [];
    if (!pathname.startsWith("/users") || (id === undefined && pathname !== "/users"))
      return notFound(request, response);
    const customer = id === undefined ? undefined : table.get(Number(id));
    switch (request.method ?? "") {
      case "GET":
      case "HEAD":
        if (id === undefined) return list(request, response);
        return customer === undefined ? notFound(request, response) : read(request, response, customer);
      case "POST":
      case "PUT":
        void write(request, response, id === undefined ? undefined : Number(id)).catch(() => response.destroy());
        return;
      case "DELETE":
        if (id === undefined || !table.delete(Number(id))) return notFound(request, response);
        response.writeHead(204).end();
        return;
      default:
        response.setHeader("Allow", "GET, HEAD, POST, PUT, DELETE");
        sendJson(response, 405, { error: `${request.method} is not for customers` });
    }
  };
}
