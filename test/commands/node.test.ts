// `pi-image node add` as a process: one line more, and every other byte as it was.
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { INVENTORY } from "../cluster/cluster-folder.ts";
import { runCli } from "../support/run-cli.ts";
import { describeAsRoot } from "../support/tools.ts";

const folderWith = (text: string): { folder: string; file: string } => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-node-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const file = join(folder, "cluster.yaml");
  writeFileSync(file, text);
  return { folder, file };
};

describeAsRoot([], "node add with sudo", () => {
  it("leaves the file to its owner", async () => {
    const { folder, file } = folderWith(INVENTORY);
    chownSync(file, 1234, 1235);
    const { status, stderr } = await runCli(["node", "add", "worker3"], {
      cwd: folder,
    });
    expect(status, stderr).toBe(0);
    expect(statSync(file)).toMatchObject({ uid: 1234, gid: 1235 });
  });
});

describe("node add", () => {
  it("adds a line behind the last node and says what comes next", async () => {
    const { folder, file } = folderWith(INVENTORY);
    chmodSync(file, 0o640);
    const { status, stdout, stderr } = await runCli(
      ["node", "add", "worker3", "--address", "192.168.77.53/24"],
      { cwd: folder },
    );
    expect(status, stderr).toBe(0);
    expect(readFileSync(file, "utf8")).toBe(
      `${INVENTORY}  - {name: worker3, role: worker, address: 192.168.77.53/24}\n`,
    );
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(stdout).toBe(
      [
        "Added worker3 to cluster.yaml. The cluster need not be reachable; now:",
        "  pi-image build --host worker3",
        "  pi-image flash TARGET --host worker3",
        "",
      ].join("\n"),
    );
    const check = await runCli(["check"], { cwd: folder });
    expect(check.stdout).toContain("4 nodes");
  });

  it.each([
    [["worker2"], "NODE_NAME_TAKEN", "worker2"],
    [["Worker_3"], "NODE_NAME_INVALID", "Worker_3"],
    [["w3", "--address", "192.168.77.50/24"], "NODE_ADDRESS_TAKEN", "w3"],
    [["w3", "--role", "wroker"], "UNKNOWN_VALUE", "w3"],
    [["w3, role: x}"], "NODE_NAME_INVALID", "w3, role: x}"],
  ])(
    "refuses %j with a code frame and leaves the file",
    async (args, code, name) => {
      const { folder, file } = folderWith(INVENTORY);
      const { status, stderr } = await runCli(["node", "add", ...args], {
        cwd: folder,
      });
      expect(status).toBe(2);
      expect(stderr).toContain(`error[${code}]`);
      expect(stderr).toContain(`cluster.yaml (with ${name} added):11:`);
      expect(readFileSync(file, "utf8")).toBe(INVENTORY);
    },
  );

  it("refuses an inventory that has errors already", async () => {
    const text = INVENTORY.replace("role: worker}", "role: worker, bord: pi5}");
    const { folder, file } = folderWith(text);
    const { status, stderr } = await runCli(["node", "add", "worker3"], {
      cwd: folder,
    });
    expect(status).toBe(2);
    expect(stderr).toContain("error[UNKNOWN_KEY]");
    expect(stderr).toContain("--> cluster.yaml:9:");
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  it("needs an inventory", async () => {
    const { folder, file } = folderWith("");
    rmSync(file);
    const { status, stderr } = await runCli(["node", "add", "worker3"], {
      cwd: folder,
    });
    expect(status).toBe(2);
    expect(stderr).toContain("error[NODE_NOT_ADDED]");
    expect(stderr).toContain("`pi-image init` writes one");
  });
});
