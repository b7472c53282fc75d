// What an hour of waiting costs a node, in programs that it starts and files that it writes: counts, no times.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { withStaticShell } from "../support/static-shells.ts";
import { sampleNode, sampleProject } from "../seed/sample-project.ts";
import {
  calls,
  describeNode,
  layNode,
  powerOn,
  runOnNode,
} from "./fake-node.ts";
import { dhcpProject, lay } from "./kubeadm-phase.ts";

/** The attempts after which a node asks more seldom. */
const QUICK = 30;

/** A program of awk among the arguments has lines of its own. */
const ONE_LINE = "${all%%\n*}";

/** Has every program that the node starts written down, the harmless real ones too. */
const countAll = (root: string): void => {
  for (const tool of readdirSync(join(root, "real"))) {
    if (!readdirSync(join(root, "bin")).includes(tool)) {
      writeFileSync(
        join(root, "bin", tool),
        withStaticShell(
          `#!/bin/sh\nall="$*"\necho "${tool} ${ONE_LINE}" >>"$PI_IMAGE_ROOT/world/calls"\nexec "$PI_IMAGE_ROOT/real/${tool}" "$@"\n`,
        ),
        { mode: 0o755 },
      );
    }
  }
};

/** What was called between two pauses of the runner, an attempt each. */
const attempts = (root: string): readonly (readonly string[])[] => {
  const all: string[][] = [[]];
  for (const line of readFileSync(join(root, "world/calls"), "utf8")
    .trim()
    .split("\n")) {
    if (line.startsWith("sleep ")) {
      all.push([]);
    } else {
      all.at(-1)?.push(line);
    }
  }
  return all;
};

const count = (lines: readonly string[], pattern: RegExp): number =>
  lines.filter((line) => pattern.test(line)).length;

const CUT = "kill -KILL -$(cut -d ' ' -f 5 /proc/self/stat)";

/** One attempt in the middle of the wait: the first one reads the card and says what it waits for. */
const oneAttempt = async (
  is: Parameters<typeof lay>[0],
): Promise<readonly string[]> => {
  const root = await lay({ project: dhcpProject, ...is, after: { 3: CUT } });
  countAll(root);
  expect(await powerOn(root)).toMatchObject({ code: null });
  const [, , third = []] = attempts(root);
  return third;
};

describeNode("an hour of waiting", () => {
  it("has 270 attempts at most", async () => {
    const root = await lay({});
    const phase = join(root, "usr/local/lib/pi-image/phases/50-kubeadm");
    rmSync(phase);
    writeFileSync(phase, withStaticShell("#!/bin/sh\nexit 75\n"), {
      mode: 0o755,
    });
    // The fake machine is cut at the 200th pause.
    expect(await powerOn(root)).toMatchObject({ code: null });
    const pauses = calls(root, "sleep").map((call) => Number(call.slice(6)));
    expect(pauses).toHaveLength(200);
    expect(Math.max(...pauses.slice(0, QUICK))).toBeLessThanOrEqual(10);
    const slow = pauses.slice(QUICK);
    expect(Math.min(...slow)).toBeGreaterThanOrEqual(15);
    expect(Math.max(...slow)).toBeLessThanOrEqual(30);
    expect(QUICK + 3600 / Math.min(...slow)).toBeLessThanOrEqual(270);
  });

  it.each([
    ["has no address", { world: { mdns: "" } }, 0],
    [
      "does not answer",
      {
        plans: { "kubectl-cluster": ["fail", "always"] },
        says: { "kubectl-cluster": "connection refused" },
      },
      1,
    ],
  ] as const)(
    "for a control plane that %s starts no kubeadm, writes nothing to the card, and starts few programs",
    async (_name, is, kubectl) => {
      const attempt = await oneAttempt(is);
      expect(count(attempt, /^kubeadm /)).toBe(0);
      expect(count(attempt, /^kubectl /)).toBe(kubectl);
      expect(count(attempt, /^systemctl (enable|daemon-reload)/)).toBe(0);
      expect(count(attempt, /^mv /)).toBe(
        count(attempt, /^mv -f \S+\/run\/pi-image-status\.json\.new /),
      );
      expect(count(attempt, /^mv /)).toBeLessThanOrEqual(2);
      expect(attempt.length, attempt.join("\n")).toBeLessThanOrEqual(24);
    },
  );

  it("is nothing to a node that is done: its timer starts few programs and writes nothing", async () => {
    const root = await layNode({
      project: sampleProject,
      node: sampleNode,
      files: {
        "etc/hosts": "127.0.0.1 localhost\n",
        "var/lib/pi-image/kubeadm-done": "",
        "var/lib/pi-image/done": "",
        "var/lib/pi-image/status.json": '{"state":"done"}\n',
        "var/lib/kubelet/kubeadm-flags.env":
          'KUBELET_KUBEADM_ARGS="--node-ip=192.168.1.61 --resolv-conf=/run/systemd/resolve/resolv.conf"\n',
      },
    });
    const run = async () => {
      expect(
        await runOnNode(root, "usr/local/lib/pi-image/endpoint"),
      ).toMatchObject({ code: 0 });
    };
    await run();
    countAll(root);
    writeFileSync(join(root, "world/calls"), "");
    await run();
    const all = attempts(root).flat();
    expect(count(all, /^(mv|kubeadm|kubectl|systemctl restart) /)).toBe(0);
    expect(all.length, all.join("\n")).toBeLessThanOrEqual(10);
  });
});
