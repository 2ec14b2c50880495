// The demo: services, most with several instances in different regions, one of them slow and one flaky from the start, two
// AI providers, and `backstage`, where an instance is made slow, flaky, dead or well again. Runs in a thread of its own, so that
// work done there does not slow the gateway's doors, and nothing of it can outlive us.
import { parentPort } from "node:worker_threads";
import { catalog } from "./catalog.ts";
import { files } from "./files.ts";
import { flaky } from "./flaky.ts";
import { Instance, MOODS, notFound, sendJson, urlOf } from "./instance.ts";
import type { Handler, InstanceSettings, Mood } from "./instance.ts";
import { model } from "./model.ts";
import { echo, stream } from "./stream.ts";
import { users } from "./users.ts";

/** What the playground learns of an instance. */
export interface DemoInstance {
  readonly id: string;
  readonly service: string;
  readonly region: string;
  readonly mood: Mood;
  readonly url: string;
}

const SERVICES = "users catalog catalog-next files stream flaky lumen ember backstage".split(" ");

function cast(): InstanceSettings[] {
  const customers = users();
  const spring = catalog("spring edition");
  return [
    { id: "users-1", service: "users", region: "weur", mood: "well", handle: customers },
    { id: "users-2", service: "users", region: "enam", mood: "well", handle: customers },
    { id: "users-3", service: "users", region: "apac", mood: "slow", handle: customers },
    { id: "catalog-1", service: "catalog", region: "weur", mood: "well", handle: spring },
    { id: "catalog-2", service: "catalog", region: "enam", mood: "well", handle: spring },
    { id: "catalog-next-1", service: "catalog-next", region: "weur", mood: "well", handle: catalog("summer edition") },
    { id: "files-1", service: "files", region: "weur", mood: "well", handle: files },
    { id: "files-2", service: "files", region: "apac", mood: "well", handle: files },
    { id: "stream-1", service: "stream", region: "weur", mood: "well", handle: stream, upgrade: echo },
    { id: "stream-2", service: "stream", region: "enam", mood: "well", handle: stream, upgrade: echo },
    { id: "flaky-1", service: "flaky", region: "enam", mood: "well", handle: flaky },
    { id: "flaky-2", service: "flaky", region: "apac", mood: "flaky", handle: flaky },
    { id: "lumen-1", service: "lumen", region: "weur", mood: "well", handle: model(true) },
    { id: "ember-1", service: "ember", region: "enam", mood: "well", handle: model(false) },
  ];
}

/** `GET /` lists all instances; `POST /users-1/dead` kills one, `POST /users-1/well` brings it back. */
function backstage(instances: readonly Instance[]): Handler {
  const shown = ({ id, service, region, mood, requests, url }: Instance): object => ({
    id,
    service,
    region,
    mood,
    requests,
    url,
  });
  return (request, response) => {
    const [, id, mood] = urlOf(request).pathname.split("/");
    if (!id) return sendJson(response, 200, { instances: instances.map(shown), moods: MOODS });
    const instance = instances.find((each) => each.id === id);
    const wanted = MOODS.find((each) => each === mood);
    if (instance === undefined || wanted === undefined) return notFound(request, response);
    if (request.method !== "POST") return sendJson(response, 405, { error: "POST changes an instance" });
    void instance.become(wanted).then(
      () => sendJson(response, 200, shown(instance)),
      (error: Error) => sendJson(response, 500, { error: error.message }),
    );
  };
}

async function open(): Promise<DemoInstance[]> {
  const instances = cast().map((settings) => new Instance(settings));
  const host = new Instance({
    id: "backstage-1",
    service: "backstage",
    region: "weur",
    mood: "well",
    handle: backstage(instances),
  });
  const all = [...instances, host];
  await Promise.all(all.map((instance) => instance.listen()));
  return all
    .map(({ id, service, region, mood, url }) => ({ id, service, region, mood, url }))
    .sort((a, b) => SERVICES.indexOf(a.service) - SERVICES.indexOf(b.service));
}

parentPort?.postMessage(await open(), []);
