// Answers of Consul's health API in the shape that HashiCorp documents and that its own api double
// (@hashicorp/consul-api-double) gives.

export interface EntryOptions {
  id: string;
  node: string;
  address: string;
  port: number;
  nodeAddress?: string;
  tags?: string[];
  meta?: Record<string, string> | null;
  weights?: { Passing: number; Warning: number };
  /** Statuses of its checks; the first is the node's own. */
  checks?: string[];
}

/** One element of the answer of `/v1/health/service/:service`. */
export function consulEntry(options: EntryOptions) {
  const { id, node, address, port, nodeAddress = "10.1.10.12", tags = [], meta = {}, checks = ["passing"] } = options;
  const indexes = { CreateIndex: 5, ModifyIndex: 6 };
  return {
    Node: {
      ...{ ID: "7037e928-d9e8-3b58-4712-6f5ded209002", Node: node, Address: nodeAddress, Datacenter: "dc1" },
      ...{
        TaggedAddresses: { lan: nodeAddress, wan: nodeAddress },
        Meta: { "consul-network-segment": "" },
        ...indexes,
      },
    },
    Service: {
      ...{ ID: id, Service: "orders", Tags: tags, Meta: meta, Address: address, Port: port },
      ...{ Weights: options.weights ?? { Passing: 1, Warning: 1 }, EnableTagOverride: false },
      ...{ Proxy: { MeshGateway: {}, Expose: {} }, Connect: {}, ...indexes },
    },
    Checks: checks.map((Status, index) => ({
      ...{
        Node: node,
        CheckID: index === 0 ? "serfHealth" : `service:${id}:${index}`,
        Name: "Status",
        Type: "http",
        Status,
      },
      ...{ Notes: "", Output: "HTTP GET http://10.0.0.1/: 200 OK Output: ok", ServiceID: index === 0 ? "" : id },
      ...{ ServiceName: index === 0 ? "" : "orders", ServiceTags: [], Definition: {}, ...indexes },
    })),
  };
}
