// Partitions that an ended test left on a loop device: they outlive its file, and the device's next user meets them.
// Before the tests, those of all devices that nobody uses go.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

const BLOCK = "/sys/block";

/** Takes all partitions from the loop device of this name, such as "loop0". */
export const dropPartitions = (name: string): void => {
  for (const partition of readdirSync(`${BLOCK}/${name}`)) {
    if (partition.startsWith(`${name}p`)) {
      const number = readFileSync(
        `${BLOCK}/${name}/${partition}/partition`,
        "utf8",
      ).trim();
      execFileSync("delpart", [`/dev/${name}`, number], {
        stdio: ["ignore", "ignore", "inherit"],
      });
    }
  }
};

export default function dropLeftPartitions(): void {
  if (process.getuid?.() !== 0 || !existsSync(BLOCK)) {
    return;
  }
  for (const name of readdirSync(BLOCK)) {
    if (/^loop\d+$/.test(name) && !existsSync(`${BLOCK}/${name}/loop`)) {
      dropPartitions(name);
    }
  }
}
