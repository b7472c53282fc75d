// The storage node's export: on its data disk and nowhere else, to one network, with nobody as root.
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { sampleProject, storageNode } from "../seed/sample-project.ts";
import {
  calls,
  type Circumstances,
  describeNode,
  layNode,
  leftToDo,
  powerOn,
  screen,
} from "./fake-node.ts";

const project = {
  ...sampleProject,
  nodes: [...sampleProject.nodes, storageNode],
};

const stamped = Object.fromEntries(
  Object.entries(leftToDo("35-export")).concat([
    ["var/lib/pi-image/stamps/15-data", "boot-1\n"],
  ]),
);

const layStorage = (is: Partial<Circumstances> = {}): Promise<string> =>
  layNode({
    project,
    node: storageNode,
    installed: [],
    ...is,
    world: { mounts: "/srv/nfs", ...is.world },
    files: stamped,
  });

describeNode("a storage node", () => {
  it("exports a folder of the disk that is not open to everybody", async () => {
    const root = await layStorage();
    expect(await powerOn(root)).toMatchObject({ code: 0 });
    expect(screen(root)).toEqual([
      "export: Installing nfs-kernel-server.",
      "export: Exporting /srv/nfs/volumes to the cluster's network.",
      "export: done",
      "done: nas is a storage node of the cluster homelab.",
    ]);
    const folder = join(root, "srv/nfs/volumes");
    expect(statSync(folder).mode & 0o777).toBe(0o750);
    expect(calls(root, "chown")).toEqual([`chown 65534:65534 ${folder}`]);
    const exported = readFileSync(
      join(root, "etc/exports.d/pi-image.exports"),
      "utf8",
    );
    expect(exported).toMatch(/^\/srv\/nfs\/volumes 192\.168\.1\.0\/24\(rw,/);
    expect(exported).toContain("root_squash");
    expect(exported).not.toMatch(/no_root_squash|\*/);
    expect(calls(root, "kubeadm")).toEqual([]);
  });

  it("becomes a worker as well, where it is to join", async () => {
    const joining = { ...storageNode, joins: true };
    const root = await layNode({
      project: {
        ...sampleProject,
        nodes: [...sampleProject.nodes, joining],
      },
      node: joining,
      installed: [],
      world: { mounts: "/srv/nfs", address: "192.168.1.60" },
      files: { "var/lib/pi-image/stamps/15-data": "boot-1\n" },
    });
    expect(await powerOn(root)).toMatchObject({ code: 0 });
    const said = screen(root);
    const done = said.filter((line) => line.endsWith(": done"));
    expect(done).toEqual(
      ["clock", "network", "packages", "export", "runtime", "kubeadm"]
        .concat("scrub", "cni")
        .map((phase) => `${phase}: done`),
    );
    expect(said.at(-1)).toBe(
      "done: nas is a storage node of the cluster homelab.",
    );
    expect(calls(root, "kubeadm").join()).toContain("kubeadm join");
    expect(calls(root, "exportfs")).toContain("exportfs -ra");
    // The secrets are gone, the export is not.
    expect(existsSync(join(root, "etc/pi-image/join.conf"))).toBe(false);
    expect(existsSync(join(root, "etc/exports.d/pi-image.exports"))).toBe(true);
  });

  it("never exports the card in place of a disk that is missing", async () => {
    const root = await layStorage({
      world: { mounts: "" },
      after: { 1: "echo /srv/nfs >world/mounts" },
    });
    expect(await powerOn(root)).toMatchObject({ code: 0 });
    expect(screen(root)[0]).toBe(
      "export: The data disk is not mounted on /srv/nfs. Check the disk and its power; a disk that was added later needs a restart.",
    );
    expect(existsSync(join(root, "srv/nfs/volumes"))).toBe(true);
  });

  it("says why the NFS server does not export", async () => {
    const root = await layStorage({
      installed: ["exportfs"],
      plans: { exportfs: ["fail"] },
      says: {
        exportfs:
          "exportfs: /etc/exports.d/pi-image.exports:1: unknown keyword",
      },
    });
    expect(await powerOn(root)).toMatchObject({ code: 0 });
    expect(screen(root)).toContain(
      "export: exportfs does not accept /etc/exports.d/pi-image.exports: exportfs: /etc/exports.d/pi-image.exports:1: unknown keyword.",
    );
  });
});
