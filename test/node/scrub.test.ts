// The scrub phase: no secret stays on the card but those that the node needs, and cloud-init does not take fright.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import type { ResolvedNode } from "../../src/inventory/resolved.ts";
import { renderSeed } from "../seed/render-seed.ts";
import {
  controlPlane,
  homeWifi,
  sampleNode,
  sampleProject,
  seedInput,
} from "../seed/sample-project.ts";
import { describeAsRoot } from "../support/tools.ts";
import {
  calls,
  type Circumstances,
  screen,
  describeNode,
} from "./fake-node.ts";
import { layBefore, runToEnd } from "./phase.ts";
import { lastingSecrets } from "./join-identities.ts";

const wireless: ResolvedNode = {
  ...sampleNode,
  network: { ...sampleNode.network, uplink: "wlan0", wifi: [homeWifi] },
};

const lay = (is: Partial<Circumstances>): Promise<string> =>
  layBefore(["55-scrub"], { node: wireless, ...is });

/** Lines that stand only in private keys, kubeconfigs and the Wi-Fi's settings. */
const secretsOf = (seed: {
  readonly userData: string;
  readonly networkConfig: string;
}): readonly string[] =>
  [
    ...seed.userData.matchAll(
      /(?:PRIVATE KEY-----\n *|client-key-data: )([\w+/=]{40,})/g,
    ),
    ...seed.networkConfig.matchAll(/password: (\S+)/g),
  ].map((match) => match[1] ?? "");

const filesWith = (root: string, secrets: readonly string[]) =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => {
      const text = readFileSync(file, "latin1");
      return secrets.some((secret) => text.includes(secret));
    })
    .map((file) => file.slice(root.length + 1));

const seedOf = async (node: ResolvedNode) => {
  const { seed } = renderSeed({
    ...(await seedInput(sampleProject, node)),
    secrets: await lastingSecrets(),
  });
  if (seed === undefined) {
    throw new Error("The sample has no seed.");
  }
  return seed;
};

describeNode("scrub", () => {
  it.each([
    ["a worker", wireless, 2 + 1],
    ["a control plane", { ...controlPlane, network: wireless.network }, 5 + 1],
  ])("leaves %s no secret but netplan's", async (_title, node, count) => {
    const secrets = secretsOf(await seedOf(node));
    expect(secrets).toHaveLength(count);
    const root = await lay({ node });
    expect(filesWith(root, secrets).length).toBeGreaterThan(6);
    await runToEnd(root);
    expect(filesWith(root, secrets)).toEqual([
      "etc/netplan/50-cloud-init.yaml",
    ]);
  });

  it("blanks what cloud-init's log says of the Wi-Fi, and nothing else", async () => {
    const log = (...passwords: readonly string[]) =>
      [
        "2026-11-20 07:00:00,000 - util.py[DEBUG]: Writing to /etc/x - wb: [600] 12 bytes",
        "2026-11-20 07:00:01,000 - stages.py[DEBUG]: chpasswd 'password' \"kept\"",
        `2026-11-20 07:00:01,000 - stages.py[INFO]: Applying network configuration from ds bringup=True: {'wifis': {'wlan0': {'access-points': {${passwords
          .map(
            (password, index) =>
              `'net${index}': {'auth': {'password': ${password}, 'client-key-password': ${password}, 'client-key': '/kept'}}`,
          )
          .join(", ")}}}}}`,
        "",
      ].join("\n");
    const root = await lay({
      files: {
        "var/log/cloud-init.log": log(
          "'12345678'",
          `"it's: a 'word'"`,
          String.raw`'a"b\'c\\'`,
        ),
      },
    });
    await runToEnd(root);
    expect(readFileSync(join(root, "var/log/cloud-init.log"), "utf8")).toBe(
      log("x".repeat(10), "x".repeat(16), "x".repeat(10)),
    );
  });

  it("overwrites in place what it empties", async () => {
    const root = await lay({});
    const secrets = secretsOf(await seedOf(wireless));
    // Another name of the same blocks: what somebody reads who looks at the medium below the file system.
    const below = (path: string) => {
      const name = path.replaceAll("/", "-");
      linkSync(join(root, path), join(root, name));
      return join(root, name);
    };
    const instance = readdirSync(join(root, "var/lib/cloud/instances"))[0];
    const blocks = [
      "boot/firmware/user-data",
      "boot/firmware/network-config",
      `var/lib/cloud/instances/${instance}/obj.pkl`,
      "etc/pi-image/join.conf",
    ].map(below);
    await runToEnd(root);
    for (const block of blocks) {
      const text = readFileSync(block, "latin1");
      expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
    }
  });

  it("leaves a stub and the same instance", async () => {
    const root = await lay({});
    const seed = await seedOf(wireless);
    const boot = (name: string) =>
      readFileSync(join(root, "boot/firmware", name), "utf8");
    const metaData = boot("meta-data");
    await runToEnd(root);
    expect(boot("user-data")).toBe(
      "#cloud-config\n# pi-image emptied this file when the node had joined its cluster: it held secrets. Leave meta-data as it is.\n",
    );
    expect(boot("meta-data")).toBe(metaData);
    expect(metaData).toContain("instance-id: pi-image-worker1-");
    expect(boot("network-config")).toBe(
      seed.networkConfig.replace(
        /password: (\S+)/,
        (_, password: string) => `password: ${"x".repeat(password.length)}`,
      ),
    );
  });

  it("blanks the password of an enterprise network's key as well", async () => {
    const text = (one: string, other: string) =>
      `auth:\n  client-key: /etc/pi-image/wifi/1.key\n  client-key-password: ${one}\n  password: ${other}\n`;
    const root = await lay({
      files: { "boot/firmware/network-config": text("hunter2 #", "'it''s'") },
    });
    await runToEnd(root);
    expect(
      readFileSync(join(root, "boot/firmware/network-config"), "utf8"),
    ).toBe(text("xxxxxxxxx", "xxxxxxx"));
  });

  it("keeps the Wi-Fi password where netplan does not have it", async () => {
    const root = await lay({
      files: { "etc/netplan/50-cloud-init.yaml": undefined },
    });
    await runToEnd(root);
    expect(
      readFileSync(join(root, "boot/firmware/network-config"), "utf8"),
    ).toBe((await seedOf(wireless)).networkConfig);
  });

  it("waits for cloud-init's last stage, but not for ever", async () => {
    const files = { "run/cloud-init/result.json": undefined };
    const late = await lay({
      files,
      after: { 2: "touch run/cloud-init/result.json" },
    });
    // The base has cloud-init.
    writeFileSync(join(late, "bin/cloud-init"), "#!/bin/sh\n", { mode: 0o755 });
    await runToEnd(late);
    expect(screen(late)[0]).toBe("scrub: cloud-init is still running.");
    const crashed = await lay({
      files,
      after: { 2: "echo 1000.00 >proc/uptime" },
    });
    writeFileSync(join(crashed, "bin/cloud-init"), "#!/bin/sh\n", {
      mode: 0o755,
    });
    await runToEnd(crashed);
    expect(screen(crashed)[0]).toBe("scrub: cloud-init is still running.");
  });

  it("closes the boot partition to other users, now and at every mount", async () => {
    // The masks of another file system, and an earlier one of its own, say nothing.
    const fstab = (options: string) =>
      `LABEL=UEFI\t/boot/efi\tvfat\tumask=0077\t0\t1\n# umask=0077\nLABEL=system-boot\t/boot/firmware\tvfat\t${options}\t0\t1\n`;
    const root = await lay({
      files: { "etc/fstab": fstab("umask=0077,fmask=0022") },
      says: {
        findmnt:
          "/boot/firmware /dev/mmcblk0p1 vfat rw,relatime,fmask=0022,dmask=0022",
      },
    });
    await runToEnd(root);
    expect(readFileSync(join(root, "etc/fstab"), "utf8")).toBe(
      fstab("umask=0077,fmask=0022,umask=0077"),
    );
    expect(calls(root, "umount")).toEqual([`umount ${root}/boot/firmware`]);
    expect(calls(root, "mount")).toEqual([`mount ${root}/boot/firmware`]);
    expect(calls(root, "systemctl")).toContain("systemctl daemon-reload");
  });

  it("says that a boot partition in use is closed later", async () => {
    const root = await lay({
      plans: { umount: ["fail"] },
      says: { findmnt: "/boot/firmware /dev/mmcblk0p1 vfat rw,fmask=0022" },
    });
    await runToEnd(root);
    expect(screen(root)).toContain(
      "scrub: The boot partition is in use; it is closed to other users from the next boot on.",
    );
  });

  it("does not mount again what is closed already", async () => {
    const root = await lay({
      says: { findmnt: "/boot/firmware /dev/mmcblk0p1 vfat rw,fmask=0077" },
    });
    await runToEnd(root);
    expect(calls(root, "umount")).toEqual([]);
    expect(existsSync(join(root, "var/lib/pi-image/done"))).toBe(true);
  });
});

describeAsRoot(
  ["cloud-init", "netplan", "unshare"],
  "the real cloud-init",
  () => {
    it("boots the scrubbed seed as the same instance and finds no secret", async () => {
      const folder = mkdtempSync(join(tmpdir(), "pi-image-seed-"));
      const seed = await seedOf(wireless);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "user-data"), seed.userData);
      writeFileSync(join(folder, "meta-data"), seed.metaData);
      writeFileSync(join(folder, "network-config"), seed.networkConfig);
      writeFileSync(join(folder, "secrets"), `${secretsOf(seed).join("\n")}\n`);
      const { stdout, stderr } = spawnSync(
        fileURLToPath(new URL("cloud-init-boots.sh", import.meta.url)),
        [folder],
        { encoding: "utf8" },
      );
      rmSync(folder, { recursive: true });
      const facts = Object.fromEntries(
        stdout
          .trimEnd()
          .split("\n")
          .map((line) => {
            const equals = line.indexOf("=");
            return [line.slice(0, equals), line.slice(equals + 1)];
          }),
      );
      const copies = `/var/lib/cloud/instances/${seed.instanceId}`;
      expect({ ...facts, stderr }).toEqual({
        first: seed.instanceId,
        // The judge can see what is not scrubbed yet.
        "leaks-before": [
          "/boot/firmware/network-config",
          "/boot/firmware/user-data",
          "/etc/pi-image/join.conf",
          `${copies}/cloud-config.txt`,
          `${copies}/obj.pkl`,
          `${copies}/user-data.txt`,
          `${copies}/user-data.txt.i`,
          "/var/log/cloud-init.log",
        ].join(" "),
        "leaks-after": "",
        second: seed.instanceId,
        "leaks-second": "",
        unchanged: "yes",
        errors: "[]",
        // And it would have noticed another instance.
        "without-user-data": "iid-datasource-none",
        stderr: "",
      });
    });
  },
);
