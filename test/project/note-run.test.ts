// The lockfile knows that a cluster ran, and a card that is built later knows it, too.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { publicKeyHash } from "../../src/kubernetes/certificate.ts";
import { runningMinor } from "../../src/cluster/running-minor.ts";
import { noteRun } from "../../src/project/note-run.ts";
import { clusterFolder, INVENTORY } from "../cluster/cluster-folder.ts";
import { view } from "../cluster/views.ts";
import { runCli } from "../support/run-cli.ts";

const SEVERAL = `${INVENTORY}  - {name: cplane2, role: control-plane, address: 192.168.77.53/24}
  - {name: cplane3, role: control-plane, address: 192.168.77.54/24}
`;

const EMPTY = {
  schema: 1,
  kubernetes: { minor: "1.36", patch: "1.36.2" },
  bases: [],
  manifests: [],
  keys: [],
};

const locked = async () => {
  const cluster = await clusterFolder(new Date(), SEVERAL);
  const file = join(cluster.folder, "cluster.lock.json");
  writeFileSync(file, JSON.stringify(EMPTY));
  const note = (on: string) =>
    noteRun(cluster.folder, "cluster.yaml", cluster.secrets, new Date(on));
  const lock = () => JSON.parse(readFileSync(file, "utf8")) as unknown;
  return { ...cluster, note, lock };
};

it("notes the first day of each cluster", async () => {
  const { note, lock, secrets } = await locked();
  await note("2026-11-20");
  await note("2026-11-25");
  const authority = publicKeyHash(secrets.ca.certificate);
  expect(lock()).toEqual({
    ...EMPTY,
    cluster: { authority, ran: "2026-11-20" },
  });
  const other = await locked();
  await noteRun(other.folder, "cluster.yaml", secrets, new Date("2026-11-20"));
  await other.note("2026-11-26");
  expect(other.lock()).toMatchObject({ cluster: { ran: "2026-11-26" } });
});

it("makes no lockfile of its own", async () => {
  const { folder, secrets } = await clusterFolder();
  await noteRun(folder, "cluster.yaml", secrets, new Date());
  expect(existsSync(join(folder, "cluster.lock.json"))).toBe(false);
});

it("tells a card that is built later, and stays in the lockfile", async () => {
  const { folder, note, lock } = await locked();
  const build = async () => {
    const { status, stderr } = await runCli(
      "build --format seed --host cplane --base sample".split(" "),
      { cwd: folder },
    );
    expect(status, stderr).toBe(0);
    return readFileSync(join(folder, "out/cplane/user-data"), "utf8");
  };
  expect(await build()).toContain("PI_IMAGE_SEEN=''");
  await note("2026-11-20");
  expect(await build()).toContain("PI_IMAGE_SEEN='2026-11-20'");
  expect(lock()).toMatchObject({ cluster: { ran: "2026-11-20" } });
});

it("refuses a card of a newer minor than the cluster runs, until that is newer, too", async () => {
  const { folder, secrets, lock } = await locked();
  const build = () =>
    runCli("build --format seed --host worker1 --base sample".split(" "), {
      cwd: folder,
    });
  const seen = (minor: string) =>
    noteRun(folder, "cluster.yaml", secrets, new Date("2026-11-20"), minor);
  await seen("1.35");
  const refused = await build();
  expect(refused.status).toBe(2);
  expect(refused.stderr).toContain("error[KUBERNETES_TOO_NEW]");
  expect(refused.stderr).toContain(
    "the cluster runs Kubernetes 1.35, and the inventory says 1.36",
  );
  // Whoever sees it run, but not which, leaves the note.
  await noteRun(folder, "cluster.yaml", secrets, new Date("2026-11-21"));
  expect((await build()).status).toBe(2);
  await seen("1.36");
  const { status, stderr } = await build();
  expect(status, stderr).toBe(0);
  expect(lock()).toMatchObject({
    cluster: { ran: "2026-11-20", kubernetes: "1.36" },
  });
});

it("takes the oldest control plane's version for the cluster's", async () => {
  const { project } = await locked();
  const minorOf = (versions: Readonly<Record<string, string | undefined>>) =>
    runningMinor(
      {
        nodes: project.nodes.map(({ name }) =>
          view(name, { version: versions[name] }),
        ),
      },
      project,
    );
  const planes = { cplane: "v1.37.1", cplane2: "v1.36.9", cplane3: "v1.37.0" };
  expect(minorOf({ ...planes, worker1: "v1.35.2" })).toBe("1.36");
  expect(minorOf({ ...planes, cplane3: undefined })).toBeUndefined();
});
