import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: [
      "test/support/install-tools.ts",
      "test/support/compiled-package.ts",
    ],
    testTimeout: 180_000,
    hookTimeout: 240_000,
    // Loop devices, mounts and real programs of the system meet a shared machine's bad moments; what fails three times is broken.
    retry: process.env["CI"] === undefined ? 0 : 2,
    // Loop devices, mounts and the clock are shared by the whole machine; two
    // cores gain little from more workers.
    maxWorkers: 2,
  },
});
