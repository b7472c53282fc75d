// Merging into a kubeconfig on disk: nothing of others is lost, and kubectl reads the result.
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import {
  defaultKubeconfig,
  mergeIntoFile,
} from "../../src/cluster/kubeconfig-file.ts";
import {
  type AdminAccess,
  adminAccess,
} from "../../src/kubernetes/render-kubeconfig.ts";
import { makeClusterSecrets } from "../../src/kubernetes/secrets/make-cluster-secrets.ts";
import { rotateJoinCredentials } from "../../src/kubernetes/secrets/rotate-join-credentials.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { homelab, inDays, making, NOW } from "../kubernetes/project.ts";
import { describeWithTools } from "../support/tools.ts";
import { emptyFolder } from "./cluster-folder.ts";

const WORK = `# my clusters
apiVersion: v1
kind: Config
clusters:
- cluster: {server: "https://work.example.org"}   # behind the VPN
  name: work
users:
- name: me
  user: {token: abc}
contexts:
- context: {cluster: work, user: me}
  name: work
current-context: work
`;

let access: AdminAccess;
let renewed: AdminAccess;
let foreign: AdminAccess;

beforeAll(async () => {
  const secrets = await makeClusterSecrets(homelab, making);
  access = adminAccess(homelab, secrets);
  const rotated = await rotateJoinCredentials(secrets, homelab, inDays(1));
  renewed = adminAccess(homelab, rotated.secrets);
  foreign = adminAccess(homelab, await makeClusterSecrets(homelab, making));
});

const merge = (path: string, from = access) =>
  mergeIntoFile(path, from, NOW, {});

const modeOf = (path: string): number => statSync(path).mode & 0o777;

const fileWith = (text: string, mode = 0o600): string => {
  const path = join(emptyFolder(), "config");
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};

const filesBeside = (path: string): string[] =>
  readdirSync(join(path, "..")).toSorted();

describe("mergeIntoFile", () => {
  it("makes a private file, and its folder, where there is none", async () => {
    const path = join(emptyFolder(), ".kube/config");
    const result = await merge(path);
    expect(result).toEqual({
      file: path,
      context: "pi-image-homelab",
      current: true,
      changed: true,
      backup: undefined,
      closed: false,
    });
    expect(modeOf(path)).toBe(0o600);
    expect(modeOf(join(path, ".."))).toBe(0o700);
    expect(filesBeside(path)).toEqual(["config"]);
  });

  it("keeps what others wrote, closes the file, and keeps a private copy of it as it was", async () => {
    const path = fileWith(WORK, 0o640);
    const result = await merge(path);
    const backup = `${path}.20261120T120000Z.bak`;
    expect(result).toMatchObject({
      changed: true,
      current: false,
      backup,
      closed: true,
    });
    expect(readFileSync(backup, "utf8")).toBe(WORK);
    expect(modeOf(backup)).toBe(0o600);
    expect(modeOf(path)).toBe(0o600);
    const text = readFileSync(path, "utf8");
    expect(text).toContain("# behind the VPN");
    expect(text).toContain("current-context: work");
    expect(text).toContain("name: pi-image-homelab");
  });

  it("changes nothing and copies nothing the second time", async () => {
    const path = fileWith(WORK);
    await merge(path);
    const before = readFileSync(path, "utf8");
    const files = filesBeside(path);
    const second = await merge(path);
    expect(second).toMatchObject({ changed: false, backup: undefined });
    expect(readFileSync(path, "utf8")).toBe(before);
    expect(filesBeside(path)).toEqual(files);
  });

  it("closes a file that has the access already and that others can read", async () => {
    const path = fileWith(WORK);
    await merge(path);
    const before = readFileSync(path, "utf8");
    chmodSync(path, 0o604);
    expect(await merge(path)).toMatchObject({ changed: false, closed: true });
    expect(modeOf(path)).toBe(0o600);
    expect(readFileSync(path, "utf8")).toBe(before);
    expect(await merge(path)).toMatchObject({ changed: false, closed: false });
  });

  it("changes nothing when the same content is written otherwise", async () => {
    const path = fileWith("");
    await merge(path);
    const { load, dump } = await import("js-yaml");
    const asFlow = dump(load(readFileSync(path, "utf8")), { flowLevel: 0 });
    writeFileSync(path, asFlow);
    expect(await merge(path)).toMatchObject({ changed: false });
    expect(readFileSync(path, "utf8")).toBe(asFlow);
  });

  it("takes over a renewed certificate and keeps both copies of one second", async () => {
    const path = fileWith(WORK);
    await merge(path);
    const { backup } = await merge(path, renewed);
    expect(backup).toBe(`${path}.20261120T120000Z-1.bak`);
    const text = readFileSync(path, "utf8");
    expect(text.match(/name: pi-image-homelab/g)).toHaveLength(3);
  });

  it("refuses to replace another cluster's entries of the same name", async () => {
    const path = fileWith("");
    await merge(path, foreign);
    const before = readFileSync(path, "utf8");
    await expect(merge(path)).rejects.toMatchObject({
      code: "KUBECONFIG_CONFLICT",
    });
    expect(readFileSync(path, "utf8")).toBe(before);
    expect(filesBeside(path)).toEqual(["config"]);
  });

  it.each([
    "clusters: [",
    "- a\n- list\n",
    "clusters: {work: 1}\n",
    "\u0000\u0001",
  ])("leaves %j alone", async (text) => {
    const path = fileWith(text);
    await expect(merge(path)).rejects.toMatchObject({
      code: "KUBECONFIG_WRONG",
    });
    expect(readFileSync(path, "utf8")).toBe(text);
    expect(filesBeside(path)).toEqual(["config"]);
  });

  it("keeps a symbolic link", async () => {
    const path = fileWith(WORK);
    const link = join(emptyFolder(), "config");
    symlinkSync(path, link);
    const { backup } = await merge(link);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(path, "utf8")).toContain("pi-image-homelab");
    expect(backup).toBe(`${link}.20261120T120000Z.bak`);
  });

  it("refuses a link that leads nowhere", async () => {
    const link = join(emptyFolder(), "config");
    symlinkSync("/nowhere/config", link);
    await expect(merge(link)).rejects.toMatchObject({
      code: "KUBECONFIG_NOT_WRITTEN",
    });
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  it("does not write while kubectl does", async () => {
    const path = fileWith(WORK);
    writeFileSync(`${path}.lock`, "");
    await expect(merge(path)).rejects.toMatchObject({
      code: "KUBECONFIG_LOCKED",
    });
    expect(readFileSync(path, "utf8")).toBe(WORK);
    expect(existsSync(`${path}.lock`)).toBe(true);
  });

  it("says so when a folder stands in the way", async () => {
    const path = join(emptyFolder(), "config");
    mkdirSync(path);
    await expect(merge(path)).rejects.toMatchObject({
      code: "KUBECONFIG_NOT_WRITTEN",
    });
  });

  it.runIf(process.getuid?.() === 0)(
    "leaves a file in a read-only folder as it was",
    async () => {
      const path = fileWith(WORK, 0o644);
      chmodSync(join(path, ".."), 0o555);
      process.seteuid?.(65_534);
      try {
        await expect(merge(path)).rejects.toMatchObject({
          code: "KUBECONFIG_NOT_WRITTEN",
          state: "it is unchanged",
        });
      } finally {
        process.seteuid?.(0);
      }
      expect(readFileSync(path, "utf8")).toBe(WORK);
      expect(filesBeside(path)).toEqual(["config"]);
    },
  );

  it.runIf(process.getuid?.() === 0)(
    "gives what it makes under sudo to the calling user",
    async () => {
      const folder = emptyFolder();
      const path = join(folder, "config");
      const env = { SUDO_UID: "1234", SUDO_GID: "1235" };
      await mergeIntoFile(path, foreign, NOW, env);
      expect(statSync(path)).toMatchObject({ uid: 1234, gid: 1235 });
      await mergeIntoFile(path, { ...access, name: "second" }, NOW, env);
      for (const name of readdirSync(folder)) {
        expect(statSync(join(folder, name)).uid, name).toBe(1234);
      }
    },
  );
});

describe("defaultKubeconfig", () => {
  it("takes kubectl's own file", () => {
    expect(defaultKubeconfig({ KUBECONFIG: ":/a/one:/b/two" })).toBe("/a/one");
    expect(defaultKubeconfig({})).toMatch(/\/\.kube\/config$/);
  });
});

describeWithTools(["kubectl"], "kubectl and a merged file", () => {
  const contexts = async (path: string): Promise<string> =>
    (
      await runTool("kubectl", [
        "--kubeconfig",
        path,
        "config",
        "get-contexts",
        "--output=name",
      ])
    ).stdout;

  it("reads all contexts, and what it writes itself merges as well", async () => {
    const path = fileWith(WORK);
    await merge(path);
    expect(await contexts(path)).toBe("pi-image-homelab\nwork\n");
    await runTool("kubectl", ["--kubeconfig", path, "config", "view"]);
    await runTool("kubectl", [
      "--kubeconfig",
      path,
      "config",
      "set-context",
      "other",
      "--cluster=work",
    ]);
    expect(await merge(path)).toMatchObject({ changed: false });
    await merge(path, renewed);
    expect(await contexts(path)).toBe("other\npi-image-homelab\nwork\n");
  });

  it("would notice a broken file", async () => {
    await expect(contexts(fileWith("clusters: 1\n"))).rejects.toThrow(
      "kubectl",
    );
  });
});
