// `npm run test:boot`: built images boot. Minutes, root, and programs that the ordinary tests do not need.
import { defineConfig } from "vitest/config";

const foreign = process.env["PI_IMAGE_BOOT_ARCH"] === "arm64";

export default defineConfig({
  test: {
    // Emulated, a boot takes ten minutes: pairs of whole images prove the architecture, the rest is the same on both.
    include: [foreign ? "test/boot/vm/pair.boot.ts" : "test/boot/**/*.boot.ts"],
    globalSetup: ["test/boot/support/install-boot-tools.ts"],
    // For what hangs: two machines without hardware virtualisation take ten minutes on two quiet cores, each step most of it.
    testTimeout: foreign ? 3_600_000 : 1_800_000,
    // The first test of all makes the base; the programs of a foreign one are emulated.
    hookTimeout: foreign ? 3_600_000 : 900_000,
    // Two virtual machines already fill two cores.
    maxWorkers: 1,
    fileParallelism: false,
    bail: 3,
  },
});
