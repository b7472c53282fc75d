// `npm run test:fast`: the tests that need neither root nor another program, a network or the compiled package, for coding.
import { defineConfig } from "vitest/config";
import { packageFile } from "../../src/system/package-files.ts";
import { fastTests } from "./fast-tests.ts";

export default defineConfig({
  test: {
    root: packageFile("."),
    include: [...fastTests(packageFile("test"))],
    isolate: false,
    testTimeout: 600_000,
  },
});
