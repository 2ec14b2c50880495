// Three projects. `node`: pure decisions, scripts and the laws of the house. `workerd`: objects and platform inside the real
// runtime. `gateway`: black-box scenarios, each file with rigs of its own in front of misbehaving upstreams; these wait more
// than they compute, so more of them run at once than there are cores, after the others.
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

const workerdTests = "test/**/*.workerd.test.ts";
const gatewayTests = "test/gateway/**/*.test.ts";

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    coverage: { provider: "istanbul", include: ["worker/**", "durable-objects/**"], reporter: ["text"] },
    projects: [
      {
        test: {
          name: "node",
          environment: "node",
          include: ["test/**/*.test.ts"],
          exclude: [workerdTests, gatewayTests],
          maxWorkers: 2,
          // Properties run thousands of cases: on a busy machine longer than five seconds.
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            remoteBindings: false,
            miniflare: { bindings: { ADMIN_TOKEN: "test-admin-token", ALLOW_PRIVATE: "true" } },
          }),
        ],
        test: {
          name: "workerd",
          include: [workerdTests],
          testTimeout: 30_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "gateway",
          environment: "node",
          include: [gatewayTests],
          globalSetup: ["./test/support/bundle-once.ts"],
          setupFiles: ["./test/support/show-logs.ts"],
          // These say that something hangs, not that it is slow: a machine full of work takes many times as long.
          testTimeout: 90_000,
          hookTimeout: 120_000,
          pool: "forks",
          maxWorkers: 4,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
