// A real etcd that is alone and gets another address: others can join it there.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";
import { until } from "../boot/support/until.ts";
import { emptyFolder } from "../cluster/cluster-folder.ts";
import { describeAsRoot } from "../support/tools.ts";
import { etcdLab, type Member } from "./etcd-lab.ts";
import { lastingSecrets } from "./join-identities.ts";

const ETCD =
  process.env["PI_IMAGE_KUBE_BIN"] === undefined
    ? "etcd"
    : join(process.env["PI_IMAGE_KUBE_BIN"], "etcd");

const BEFORE: Member = { name: "cplane", address: "127.7.3.10" };
const NOW: Member = { name: "cplane", address: "127.7.3.11" };
const NEXT: Member = { name: "cplane2", address: "127.7.3.12" };

/** With the functions of lib.sh that it needs. */
const TELL = `
  set -Eeuo pipefail
  root=$1 state=$1/state scratch=$1/scratch
  bracketed() { echo "$1"; }
  forget_note() { :; }
  logged() { shift; "$@" >"$scratch/log" 2>&1; }
  . "$2"
  tell_etcd`;

describeAsRoot([ETCD, "curl"], "an etcd that is alone", () => {
  it("learns its new address, so that another can join", async () => {
    const lab = etcdLab(ETCD, await lastingSecrets());
    lab.start(BEFORE, [BEFORE]);
    await lab.healthy(BEFORE.address);
    await lab.stop(BEFORE.name);
    lab.start(NOW, [NOW], "existing");
    await lab.healthy(NOW.address);
    const peers = () =>
      lab
        .ask(NOW.address, "cluster/member/list", {})
        .members?.flatMap(({ peerURLs }) => peerURLs)
        .toSorted();
    expect(peers()).toEqual(["https://127.7.3.10:2380"]);
    const root = emptyFolder();
    const pki = join(root, "etc/kubernetes/pki/etcd");
    mkdirSync(pki, { recursive: true });
    mkdirSync(join(root, "state"));
    mkdirSync(join(root, "scratch"));
    for (const [from, to] of [
      ["ca.crt", "ca.crt"],
      ["all.crt", "healthcheck-client.crt"],
      ["all.key", "healthcheck-client.key"],
    ] as const) {
      copyFileSync(join(lab.folder, from), join(pki, to));
    }
    const wanted = join(root, "state/peer-address");
    const tell = () =>
      spawnSync(
        "bash",
        [
          "-c",
          TELL,
          "bash",
          root,
          packageFile("cloud-init/files/usr/local/lib/pi-image/own-address.sh"),
        ],
        { encoding: "utf8" },
      );
    // Nothing to tell.
    expect(tell()).toMatchObject({ status: 0, stderr: "" });
    expect(peers()).toEqual(["https://127.7.3.10:2380"]);
    writeFileSync(wanted, `${NOW.address}\n`);
    expect(tell()).toMatchObject({ status: 0, stderr: "" });
    expect(peers()).toEqual(["https://127.7.3.11:2380"]);
    const added = lab.ask(NOW.address, "cluster/member/add", {
      peerURLs: ["https://127.7.3.12:2380"],
      isLearner: true,
    });
    lab.start(NEXT, [NOW, NEXT], "existing");
    // As soon as it has all of the state, which it gets at the new address.
    await until(
      "the new member's vote",
      () =>
        lab.ask(NOW.address, "cluster/member/promote", { ID: added.member?.ID })
          .error === undefined
          ? true
          : undefined,
      { seconds: 60 },
    );
    await lab.healthy(NEXT.address);
    expect(peers()).toEqual([
      "https://127.7.3.11:2380",
      "https://127.7.3.12:2380",
    ]);
  });
});
