// What systemd makes of a data disk at boot: its own generator reads the fstab that the node writes, and its own manager the units.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { tryTool } from "../../src/system/run/run-tool.ts";
import { renderSeed } from "../seed/render-seed.ts";
import {
  sampleNode,
  sampleProject,
  seedInput,
} from "../seed/sample-project.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { temporaryFolder } from "../support/folder.ts";
import { describeWithTools } from "../support/tools.ts";

const GENERATOR = "/usr/lib/systemd/system-generators/systemd-fstab-generator";
const RUNTIMES = ["containerd", "crio", "kubelet"] as const;

/** The options with which phase 15-data mounts the disk, from its own text. */
const optionsOf = async (): Promise<string> => {
  const phase = await readFile(
    packageFile("cloud-init/files/usr/local/lib/pi-image/phases/15-data"),
    "utf8",
  );
  return /ext4\\t(\S+)\\t0\\t2/.exec(phase)?.[1] ?? "";
};

/** A root with the node's drop-ins beside units that only run `true`, and with what the generator makes of its fstab. */
const bootRoot = async (dataMount: string): Promise<string> => {
  const root = await temporaryFolder();
  const put = async (path: string, text: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  const { seed } = renderSeed(
    await seedInput(sampleProject, {
      ...sampleNode,
      storage: "sd+usb-data",
      dataMount,
    }),
  );
  const { write_files: files } = parse(seed?.userData ?? "") as {
    write_files: { path: string; content: string }[];
  };
  for (const { path, content } of files) {
    if (path.startsWith("/etc/systemd/") && path.includes(".d/")) {
      await put(path, content);
    }
  }
  for (const name of RUNTIMES) {
    await put(
      `etc/systemd/system/${name}.service`,
      "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    );
  }
  await put("bin/true", "");
  await put(
    "etc/fstab",
    `UUID=0ad1-2b\t${dataMount}\text4\t${await optionsOf()}\t0\t2\n`,
  );
  await mkdir(join(root, "out"));
  const made = await tryTool("env", [
    `SYSTEMD_FSTAB=${root}/etc/fstab`,
    "SYSTEMD_IN_INITRD=0",
    GENERATOR,
    ...Array.from({ length: 3 }, () => join(root, "out")),
  ]);
  expect(made.stderr).toBe("");
  return root;
};

describeWithTools([GENERATOR, "systemd-analyze"], "a data disk at boot", () => {
  it.each(["/var/lib/containerd", "/srv/data"])(
    "on %s is waited for without an end by what writes to it, and by nothing else",
    async (dataMount) => {
      const root = await bootRoot(dataMount);
      const unit = `${dataMount.slice(1).replaceAll("/", "-")}.mount`;
      const mount = await readFile(join(root, "out", unit), "utf8");
      expect(mount).toContain(`Where=${dataMount}\n`);
      // nofail: local-fs.target, and with it the login, is not held up.
      expect(mount).not.toContain("Before=local-fs.target");
      const device = await tryTool("sh", [
        "-c",
        `cat ${root}/out/*.device.d/*`,
      ]);
      expect(device.stdout).toMatch(/JobRunningTimeoutSec=infinity/);
      for (const name of RUNTIMES) {
        const dropIn = await readFile(
          join(root, `etc/systemd/system/${name}.service.d/pi-image-data.conf`),
          "utf8",
        );
        expect(dropIn).toBe(`[Unit]\nRequiresMountsFor=${dataMount}\n`);
      }
      const verdict = await tryTool("env", [
        `SYSTEMD_UNIT_PATH=${root}/etc/systemd/system:${root}/out:`,
        "systemd-analyze",
        "verify",
        "--man=no",
        ...RUNTIMES.map((name) => `${name}.service`),
      ]);
      expect(verdict.stderr).not.toContain(root);
      expect(verdict.status, verdict.stderr).toBe(0);
    },
  );
});
