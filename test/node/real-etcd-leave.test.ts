// The script that takes a member out, before real members of etcd.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { wholeNodeScript } from "../../src/cluster/over-ssh/run-node-script.ts";
import { emptyFolder } from "../cluster/cluster-folder.ts";
import { describeAsRoot } from "../support/tools.ts";
import { etcdLab, type EtcdLab, type Member } from "./etcd-lab.ts";
import { lastingSecrets } from "./join-identities.ts";

const ETCD =
  process.env["PI_IMAGE_KUBE_BIN"] === undefined
    ? "etcd"
    : join(process.env["PI_IMAGE_KUBE_BIN"], "etcd");

const FIRST: Member = { name: "cplane", address: "127.7.0.15" };
const SECOND: Member = { name: "cplane2", address: "127.7.0.16" };
const THIRD: Member = { name: "cplane3", address: "127.7.0.17" };
const ALL = [FIRST, SECOND, THIRD];

/** The script on the first control plane, whose etcd it asks. */
const scriptBefore = async ({ folder }: EtcdLab) => {
  const root = emptyFolder();
  const kubernetes = join(root, "etc/kubernetes");
  mkdirSync(join(kubernetes, "pki/etcd"), { recursive: true });
  mkdirSync(join(kubernetes, "manifests"));
  for (const [from, to] of [
    ["ca.crt", "ca.crt"],
    ["all.crt", "healthcheck-client.crt"],
    ["all.key", "healthcheck-client.key"],
  ] as const) {
    writeFileSync(
      join(kubernetes, "pki/etcd", to),
      readFileSync(join(folder, from)),
    );
  }
  writeFileSync(join(kubernetes, "manifests/kube-apiserver.yaml"), "");
  writeFileSync(
    join(kubernetes, "manifests/etcd.yaml"),
    `    - --listen-client-urls=https://${FIRST.address}:2379\n`,
  );
  const script = await wholeNodeScript("nodes");
  return (...words: readonly string[]) => {
    const { status, stderr } = spawnSync("bash", ["-s", ...words], {
      input: script,
      encoding: "utf8",
      env: { ...process.env, PI_IMAGE_ROOT: root, PI_IMAGE_PATIENCE: "15" },
    });
    return { status, why: stderr.trim().split("\n").at(-1) };
  };
};

describeAsRoot(
  [ETCD, "curl", "flock"],
  "a control plane that leaves etcd",
  () => {
    it("leaves while it lives, from three to one, and never where no majority would be left", async () => {
      const lab = etcdLab(ETCD, await lastingSecrets());
      ALL.forEach((member) => lab.start(member, ALL));
      for (const { address } of ALL) {
        await lab.healthy(address);
      }
      const run = await scriptBefore(lab);
      const names = () =>
        lab
          .ask(FIRST.address, "cluster/member/list", {})
          .members?.map(({ name }) => name)
          .sort();

      expect(run("leave", "cplane3")).toEqual({ status: 0, why: "" });
      expect(names()).toEqual(["cplane", "cplane2"]);
      expect(run("leave", "cplane3")).toEqual({ status: 0, why: "" });
      // Of two, both are needed; this one may be asked to go while they live.
      expect(run("leave", "cplane2")).toEqual({ status: 0, why: "" });
      expect(names()).toEqual(["cplane"]);
      expect(run("leave", "cplane")).toEqual({
        status: 1,
        why: "etcd keeps cplane as a member: etcdserver: re-configuration failed due to not enough started members",
      });
      await lab.healthy(FIRST.address);
    }, 180_000);

    it("does not leave where the other of two is dead", async () => {
      const lab = etcdLab(ETCD, await lastingSecrets());
      const two = [FIRST, SECOND];
      two.forEach((member) => lab.start(member, two));
      for (const { address } of two) {
        await lab.healthy(address);
      }
      await lab.lose("cplane2");
      const run = await scriptBefore(lab);
      const { status, why } = run("leave", "cplane2");
      expect(status).toBe(1);
      expect(why).toMatch(/^etcd has no majority of its members \(.+\)$/);
    }, 180_000);
  },
);
