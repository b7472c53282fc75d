// `build` and `flash` with `--restore`: the card holds the proven state of this cluster, and nothing else becomes one.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { expect, it } from "vitest";
import { encryptStream } from "../../src/kubernetes/secrets/age-envelope.ts";
import {
  clusterFolder,
  emptyFolder,
  INVENTORY,
} from "../cluster/cluster-folder.ts";
import { sampleSnapshot } from "../cluster/sample-snapshot.ts";
import { runCli } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";

const lab = async () => {
  const cluster = await clusterFolder();
  const { folder, secrets } = cluster;
  const snapshot = sampleSnapshot(secrets.ca.certificate);
  writeFileSync(join(folder, "state.db"), snapshot);
  return {
    ...cluster,
    snapshot,
    put: (path: string, data: string | Uint8Array) => {
      writeFileSync(join(folder, path), data);
    },
    pi: (...args: readonly string[]) => runCli(args, { cwd: folder }),
  };
};

/** A file of an image's boot partition; empty where there is none. */
const onCard = (image: string, name: string): Buffer => {
  const first = readFileSync(image).readUInt32LE(446 + 8);
  return spawnSync("mtype", ["-i", `${image}@@${first * 512}`, `::${name}`])
    .stdout;
};

const BUILD = ["build", "--base", "sample", "--host", "cplane"];

describeWithTools(["mtype"], "--restore", () => {
  it("puts the state on the control plane's card, which flash then takes for what it is", async () => {
    const { pi, folder, snapshot } = await lab();
    const built = await pi(...BUILD, "--restore", "state.db");
    expect(built).toMatchObject({ status: 0 });
    const image = join(folder, "out/cplane.img");
    expect(
      gunzipSync(onCard(image, "pi-image-restore.gz")).equals(snapshot),
    ).toBe(true);
    expect(onCard(image, "user-data").toString()).toContain(
      `PI_IMAGE_RESTORE='${snapshot.subarray(-32).toString("hex")}'`,
    );
    writeFileSync(join(folder, "card"), Buffer.alloc(0));
    const flashed = await pi("flash", "card", "--host", "cplane", "--yes");
    expect(flashed).toMatchObject({ status: 0 });
    expect(flashed.stderr).toContain(
      "out/cplane.img was built with --restore: the card begins the cluster with that state. For a card without it, build again.",
    );
    expect(
      onCard(join(folder, "card"), "pi-image-restore.gz").length,
    ).toBeGreaterThan(0);
    const plain = await pi(...BUILD);
    expect(plain).toMatchObject({ status: 0 });
    expect(onCard(image, "pi-image-restore.gz")).toHaveLength(0);
    expect(onCard(image, "user-data").toString()).not.toContain(
      "PI_IMAGE_RESTORE='",
    );
  });

  it("opens what backup has encrypted, and flashes it without an image", async () => {
    const { put, folder, snapshot } = await lab();
    const identity = await generateX25519Identity();
    const recipient = await identityToRecipient(identity);
    const parts: Uint8Array[] = [];
    for await (const part of await encryptStream(
      (async function* () {
        yield snapshot;
      })(),
      [recipient],
    )) {
      parts.push(part);
    }
    const stored = Buffer.concat(parts);
    put("state.db.age", stored);
    put("cut.db.age", stored.subarray(0, stored.length - 1000));
    put("age.txt", `${identity}\n`);
    put("other.txt", `${await generateX25519Identity()}\n`);
    const flash = (file: string, identities: string) =>
      runCli(
        `flash card --host cplane --base sample --yes --restore ${file}`.split(
          " ",
        ),
        { cwd: folder, env: { PI_IMAGE_AGE_IDENTITY: identities } },
      );
    put("card", "");
    const refused = await flash("state.db.age", "other.txt");
    expect(refused).toMatchObject({ status: 2 });
    expect(refused.stderr).toContain(
      "error[AGE_IDENTITY_UNUSABLE]: state.db.age is encrypted, and no identity in the identity file opens it",
    );
    const cut = await flash("cut.db.age", "age.txt");
    expect(cut).toMatchObject({ status: 4 });
    expect(cut.stderr).toContain(
      "error[SNAPSHOT_DAMAGED]: cut.db.age is damaged or not whole: it cannot be decrypted to its end",
    );
    expect(readFileSync(join(folder, "card"))).toHaveLength(0);
    const flashed = await flash("state.db.age", "age.txt");
    expect(flashed, flashed.stderr).toMatchObject({ status: 0 });
    expect(
      gunzipSync(onCard(join(folder, "card"), "pi-image-restore.gz")).equals(
        snapshot,
      ),
    ).toBe(true);
  });

  it("refuses what cannot become this cluster again, and writes nothing", async () => {
    const { pi, put, snapshot, secretsFile } = await lab();
    put("half.db", snapshot.subarray(0, 5000));
    put("text.db", "no snapshot\n");
    put("theirs.db", sampleSnapshot("another authority"));
    const cases: readonly (readonly [string, number, readonly string[]])[] = [
      [
        "error[RESTORE_REFUSED]: worker1 does not begin the cluster: the state in state.db comes to it from the control plane that does",
        2,
        ["--host", "worker1", "--restore", "state.db"],
      ],
      [
        "error[RESTORE_REFUSED]: state.db is the state of one cluster, which one card begins with",
        2,
        ["--restore", "state.db"],
      ],
      [
        "error[SNAPSHOT_DAMAGED]: half.db is damaged or not whole: its own SHA-256 does not match",
        4,
        ["--host", "cplane", "--restore", "half.db"],
      ],
      [
        "error[SNAPSHOT_DAMAGED]: text.db is not a snapshot of etcd",
        4,
        ["--host", "cplane", "--restore", "text.db"],
      ],
      [
        "error[SNAPSHOT_FOREIGN]: theirs.db is of another cluster, or older than the authority of this one: its state does not name that",
        2,
        ["--host", "cplane", "--restore", "theirs.db"],
      ],
      [
        "error[FILE_UNUSABLE]: missing.db cannot be read: it does not exist",
        1,
        ["--host", "cplane", "--restore", "missing.db"],
      ],
    ];
    for (const [error, status, args] of cases) {
      const result = await pi("build", "--base", "sample", ...args);
      expect({
        status: result.status,
        said: result.stderr.split("\n")[0],
      }).toEqual({ status, said: error });
      expect(result.stderr).toContain("state: nothing was written\n");
    }
    const named = await pi(
      ..."flash card role.img --yes --restore state.db".split(" "),
    );
    expect(named.stderr).toContain(
      "error[WRONG_ARGUMENTS]: --restore is for the card of a node that is made from the inventory",
    );
    rmSync(secretsFile);
    const lost = await pi(...BUILD, "--restore", "state.db");
    expect(lost.stderr.split("\n")[0]).toBe(
      "error[RESTORE_REFUSED]: there is no secrets file of the cluster homelab, and its state is of no use without that",
    );
  });
});

it("is not asked for in a project without a cluster", async () => {
  const folder = emptyFolder();
  writeFileSync(join(folder, "cluster.yaml"), INVENTORY);
  writeFileSync(join(folder, "state.db"), "");
  const { status } = await runCli([...BUILD, "--restore", "state.db"], {
    cwd: folder,
  });
  expect(status).toBe(2);
});
