// A build whose cluster has cards, but whose secrets are not here, makes no other cluster.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { clusterFolder } from "../cluster/cluster-folder.ts";
import { runCli } from "../support/run-cli.ts";

const BUILD = "build --format seed --host worker2 --base sample";

const filesBelow = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted();

const built = async () => {
  const { folder, secretsFile } = await clusterFolder();
  const run = (words: string) => runCli(words.split(" "), { cwd: folder });
  const first = await run(BUILD);
  expect(first.status, first.stderr).toBe(0);
  return {
    folder,
    secretsFile,
    run,
    kubeconfig: join(folder, "out/kubeconfig"),
  };
};

describe("without the secrets file", () => {
  it.each([
    ["the lockfile is there", ["out"], "cluster.lock.json names the authority"],
    ["a kubeconfig is there", ["cluster.lock.json"], "out/kubeconfig opens a"],
  ])("refuses where %s", async (_case, lost, because) => {
    const { folder, secretsFile, run } = await built();
    for (const name of [
      secretsFile,
      ...lost.map((path) => join(folder, path)),
    ]) {
      rmSync(name, { recursive: true });
    }
    const before = filesBelow(folder);
    for (const words of [BUILD, `${BUILD} --dry-run`]) {
      const { status, stderr } = await run(words);
      expect(status, stderr).toBe(2);
      expect(stderr).toContain("SECRETS_LOST");
      expect(stderr).toContain(because);
      expect(stderr).toContain("pi-image secrets adopt NODE");
    }
    expect(filesBelow(folder)).toEqual(before);
  });

  it("begins another cluster when that is said, and keeps the old kubeconfig", async () => {
    const { folder, secretsFile, run, kubeconfig } = await built();
    const old = readFileSync(kubeconfig, "utf8");
    renameSync(secretsFile, join(folder, "old"));
    const { status, stdout, stderr } = await run(`${BUILD} --new-cluster`);
    expect(status, stderr).toBe(0);
    expect(readFileSync(kubeconfig, "utf8")).not.toBe(old);
    const kept = readdirSync(join(folder, "out")).filter((name) =>
      name.endsWith(".bak"),
    );
    expect(kept).toHaveLength(1);
    expect(readFileSync(join(folder, "out", kept[0] ?? ""), "utf8")).toBe(old);
    expect(`${stdout}${stderr}`).toContain(`is now out/${kept[0]}`);
    // From here on the new one is the cluster.
    const again = await run(BUILD);
    expect(again.status, again.stderr).toBe(0);
  });
});

it("refuses the secrets of another cluster of the same name", async () => {
  const { folder, secretsFile, run, kubeconfig } = await built();
  const old = readFileSync(kubeconfig, "utf8");
  const other = await clusterFolder();
  writeFileSync(secretsFile, readFileSync(other.secretsFile), { mode: 0o600 });
  const { status, stderr } = await run(BUILD);
  expect(status, stderr).toBe(2);
  expect(stderr).toContain("SECRETS_LOST");
  expect(readFileSync(kubeconfig, "utf8")).toBe(old);
  expect(existsSync(join(folder, "out/worker2"))).toBe(true);
});

it("refuses where a card was flashed, and says which receipt says so", async () => {
  const { folder, secretsFile, run } = await built();
  for (const name of [secretsFile, "cluster.lock.json", "out/kubeconfig"]) {
    rmSync(name.startsWith("/") ? name : join(folder, name));
  }
  const receipts = join(folder, "out/receipts");
  mkdirSync(receipts);
  const receipt = (node: string) => ({
    schema: 1,
    time: "2026-11-20T08:15:00Z",
    tool: "pi-image",
    result: "proven",
    node: { name: node, instanceId: "i" },
    image: { label: "out/worker1.img", size: 1 },
    target: { path: "/dev/sda", kind: "device", byId: [], size: 1 },
    wipe: false,
    map: "whole image",
    bytesWritten: 1,
    bytesReadBack: 1,
    piecesWrittenAgain: 0,
    readBack: "medium",
    seconds: 1,
  });
  const name = "20261120T081500Z-x.json";
  writeFileSync(join(receipts, name), JSON.stringify(receipt("stranger")));
  writeFileSync(join(receipts, "20261119T081500Z-y.json"), "{");
  writeFileSync(
    join(receipts, "20261121T081500Z-z.json"),
    JSON.stringify(receipt("worker1")),
  );
  const refused = await run(BUILD);
  expect(refused.status, refused.stderr).toBe(2);
  expect(refused.stderr).toContain("a card of worker1 was written");
  // A stranger's card is none of ours.
  rmSync(join(receipts, "20261121T081500Z-z.json"));
  const first = await run(BUILD);
  expect(first.status, first.stderr).toBe(0);
});
