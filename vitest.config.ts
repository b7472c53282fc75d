import { defineConfig } from "vitest/config";
import LongFirst from "./test/support/long-first.ts";

// glibc then asks for huge pages for large buffers. Where memory is dear to map, as on a virtual machine without nested paging,
// a test that handles whole images takes a quarter less; workers and what they start get it from here.
// https://sourceware.org/glibc/manual/latest/html_node/Memory-Allocation-Tunables.html
process.env["GLIBC_TUNABLES"] ??= "glibc.malloc.hugetlb=1";

// Started by no shell, as by cron, bash takes itself for a remote login where its input is a socket, as Node's pipes are, and reads bashrc.
// https://sources.debian.org/src/bash/5.2.15-2/debian/patches/deb-bash-config.diff/ (SSH_SOURCE_BASHRC)
process.env["SHLVL"] = "1";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/boot/**"],
    globalSetup: [
      "test/support/install-tools.ts",
      "test/support/bundle-programs.ts",
      "test/support/loop-partitions.ts",
      "test/support/static-shells.ts",
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
