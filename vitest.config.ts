import { defineConfig } from "vitest/config";
import LongFirst from "./test/support/long-first.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/boot/**"],
    globalSetup: [
      "test/support/install-tools.ts",
      "test/support/bundle-programs.ts",
    ],
    // The files of a worker share its modules: loading them anew for each costs a second. Tests undo what they change.
    isolate: false,
    sequence: { sequencer: LongFirst },
    // For what hangs; a busy machine takes many times as long as an idle one.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // Loop devices, mounts and the clock are shared by the whole machine; two
    // cores gain little from more workers.
    maxWorkers: 2,
  },
});
