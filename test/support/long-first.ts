// The order of the test files: those that take long begin, so that at the end no worker is alone with one of them. Vitest knows
// that by itself on a machine that ran them before; on others it goes by the size of the files.
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Ten seconds of processor and more, longest first. */
const LONG = [
  "node/storage.test.ts",
  "reliability/reliability.test.ts",
  "fuzz/fuzz.test.ts",
  "commands/cancel.test.ts",
  "node/packages.test.ts",
  "package/package.test.ts",
  "seed/hostile-values.test.ts",
  "node/storage-boot-loader.test.ts",
  "node/kubeadm-join.test.ts",
  "build/build.test.ts",
  "terminal/commands.test.ts",
  "package/executable.test.ts",
  "release/personalise.test.ts",
  "terminal/questions.test.ts",
  "commands/flash.test.ts",
  "node/scrub.test.ts",
  "commands/flash-trust.test.ts",
  "base/remote-parts.test.ts",
  "node/network.test.ts",
  "commands/flash-stranger.test.ts",
  "node/power-cuts.test.ts",
  "commands/flash-doubtful.test.ts",
  "commands/flash-several.test.ts",
  "commands/target-is-source.test.ts",
  "commands/flash-damage.test.ts",
  "commands/doctor.test.ts",
  "build/rootfs.test.ts",
  "build/kill.test.ts",
  "release/reproducible.test.ts",
  "node/pcie.test.ts",
  "inventory/damaged.test.ts",
  "supplies/build.test.ts",
  "image/archive.test.ts",
  "commands/sudo.test.ts",
  "commands/untouched.test.ts",
  "commands/watch.test.ts",
  "node/scripts.test.ts",
  "release/release.test.ts",
  "build/at-once.test.ts",
  "seed/judge-netplan.test.ts",
  "node/kubeadm-init.test.ts",
  "node/first-boot.test.ts",
  "lint/named-failures.test.ts",
  "commands/secrets.test.ts",
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
