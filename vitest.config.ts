import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/install-tools.ts"],
    testTimeout: 180_000,
    hookTimeout: 240_000,
    // Loop devices, mounts and the clock are shared by the whole machine; two
    // cores gain little from more workers.
    maxWorkers: 2,
  },
});
