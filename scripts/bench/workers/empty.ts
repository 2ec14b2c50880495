// Nothing at all: what starting any Worker costs.
export default {
  fetch: (): Response => new Response("ok"),
};
