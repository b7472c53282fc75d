// `npm run test:boot [-- --arch arm64] [words of a test's path or title]`: what vitest does not know is taken here.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");
const words = process.argv.slice(2);
const at = words.indexOf("--arch");
const arch = at === -1 ? "amd64" : words[at + 1];

if (arch !== "amd64" && arch !== "arm64") {
  console.error("--arch takes amd64 or arm64.");
  process.exitCode = 2;
} else {
  const rest = at === -1 ? words : words.toSpliced(at, 2);
  const done = spawnSync(
    join(ROOT, "node_modules/.bin/vitest"),
    ["run", "--config", "test/boot/vitest.config.ts", ...rest],
    {
      cwd: ROOT,
      stdio: "inherit",
      env: { ...process.env, PI_IMAGE_BOOT_ARCH: arch },
    },
  );
  process.exitCode = done.status ?? 1;
}
