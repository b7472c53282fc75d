import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/boot/**"],
    globalSetup: [
      "test/support/install-tools.ts",
      "test/support/compiled-package.ts",
    ],
    // For what hangs; a busy machine takes many times as long as an idle one.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // Loop devices, mounts and the clock are shared by the whole machine; two
    // cores gain little from more workers.
    maxWorkers: 2,
  },
});
