// The order of the test files: those that take long begin, so that at the end no worker is alone with one of them. Vitest knows
// that by itself on a machine that ran them before; on others it goes by the size of the files.
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Ten seconds of processor and more, longest first. */
const LONG = [
  "reliability/reliability.test.ts",
  "node/storage.test.ts",
  "node/storage-boot-loader.test.ts",
  "fuzz/fuzz.test.ts",
  "node/packages.test.ts",
  "node/network.test.ts",
  "node/kubeadm-join.test.ts",
  "build/build.test.ts",
  "terminal/commands.test.ts",
  "commands/cancel.test.ts",
  "commands/flash.test.ts",
  "seed/hostile-values.test.ts",
  "base/remote-parts.test.ts",
  "supplies/build.test.ts",
  "release/release.test.ts",
  "release/reproducible.test.ts",
  "package/executable.test.ts",
  "package/package.test.ts",
  "lint/named-failures.test.ts",
  "build/kill.test.ts",
  "build/rootfs.test.ts",
  "build/at-once.test.ts",
  "commands/secrets.test.ts",
  "commands/untouched.test.ts",
];

const placeOf = ({ moduleId }: TestSpecification): number => {
  const at = LONG.findIndex((name) => moduleId.endsWith(`/test/${name}`));
  return at < 0 ? LONG.length : at;
};

export default class LongFirst extends BaseSequencer {
  override async sort(
    files: TestSpecification[],
  ): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted(
      (one, other) => placeOf(one) - placeOf(other),
    );
  }
}
