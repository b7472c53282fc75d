import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { ClusterSecrets } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import {
  adminAccess,
  adminKubeconfig,
} from "../../src/kubernetes/render-kubeconfig.ts";
import { makeClusterSecrets } from "../../src/kubernetes/secrets/make-cluster-secrets.ts";
import { mergeKubeconfig } from "../../src/kubernetes/merge-kubeconfig.ts";
import { rotateJoinCredentials } from "../../src/kubernetes/secrets/rotate-join-credentials.ts";
import { UserError } from "../../src/report/user-error.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import { temporaryFolder } from "./folder.ts";
import { homelab, making, withEndpoint } from "./project.ts";

let secrets: ClusterSecrets;
let others: ClusterSecrets;

beforeAll(async () => {
  secrets = await makeClusterSecrets(homelab, making);
  others = await makeClusterSecrets(homelab, making);
});

const PATH = "/home/ana/.kube/config";

const WORK = `# my clusters
apiVersion: v1
kind: Config
preferences: {}
clusters:
- cluster:
    server: https://work.example.org:6443   # behind the VPN
    insecure-skip-tls-verify: true
  name: work
users:
- name: 0123
  user:
    token: "yes"
    exec: null
contexts:
- context: {cluster: work, user: no, namespace: 'on'}
  name: work
current-context: work
`;

const merge = (existing: string, from = secrets, project = homelab) =>
  mergeKubeconfig(existing, adminAccess(project, from), PATH);

const refusal = (existing: string, from = secrets): UserError => {
  try {
    merge(existing, from);
  } catch (error) {
    if (error instanceof UserError) {
      return error;
    }
    throw error;
  }
  throw new Error("no error");
};

describe("merging a kubeconfig", () => {
  it("adds its entries and leaves every line of the others", () => {
    const merged = merge(WORK);
    const lines = merged.text.reveal().split("\n");
    const missing = WORK.split("\n").filter(
      (line) => !lines.map((each) => each.trim()).includes(line.trim()),
    );
    // The inline map is spaced, and so is the comment; neither says anything else.
    expect(missing).toEqual([
      "    server: https://work.example.org:6443   # behind the VPN",
      "- context: {cluster: work, user: no, namespace: 'on'}",
    ]);
    expect(merged).toMatchObject({
      context: "pi-image-homelab",
      current: false,
    });
    expect(parse(merged.text.reveal())).toMatchObject({
      clusters: [{ name: "work" }, { name: "pi-image-homelab" }],
      users: [{ user: { token: "yes" } }, { name: "pi-image-homelab" }],
      contexts: [
        { context: { cluster: "work", user: "no", namespace: "on" } },
        { name: "pi-image-homelab" },
      ],
      "current-context": "work",
    });
  });

  it("changes nothing the second time", () => {
    const once = merge(WORK).text.reveal();
    expect(merge(once).text.reveal()).toBe(once);
  });

  it.each([
    ["an empty file", ""],
    ["a comment", "# nothing yet\n"],
    ["null", "null\n"],
  ])("writes a whole kubeconfig in place of %s", (_what, existing) => {
    const merged = merge(existing);
    expect(merged.text.reveal()).toBe(
      adminKubeconfig(adminAccess(homelab, secrets)).reveal(),
    );
    expect(merged.current).toBe(true);
  });

  it("fills a kubeconfig without entries and sets its context", () => {
    const merged = merge(
      "apiVersion: v1\nkind: Config\nclusters: []\nusers: null\ncurrent-context: ''\n",
    );
    expect(merged.current).toBe(true);
    expect(parse(merged.text.reveal())).toEqual(
      parse(adminKubeconfig(adminAccess(homelab, secrets)).reveal()),
    );
  });

  it("takes a kubeconfig in JSON", () => {
    const merged = merge(JSON.stringify(parse(WORK)));
    expect(parse(merged.text.reveal())).toMatchObject({
      clusters: [{ name: "work" }, { name: "pi-image-homelab" }],
    });
  });

  it("renews its own entries and keeps what the user set in them", async () => {
    const before = merge(WORK)
      .text.reveal()
      .replace(
        "    cluster: pi-image-homelab",
        "    cluster: pi-image-homelab\n    namespace: media",
      );
    const { secrets: rotated } = await rotateJoinCredentials(
      secrets,
      homelab,
      making,
    );
    const moved = withEndpoint(homelab, { address: "192.168.1.60" });
    const merged = merge(before, rotated, moved).text.reveal();
    const { admin } = rotated;
    expect(parse(merged)).toMatchObject({
      clusters: [{}, { cluster: { server: "https://192.168.1.60:6443" } }],
      users: [
        {},
        {
          user: {
            "client-key-data": Buffer.from(admin.key.reveal()).toString(
              "base64",
            ),
          },
        },
      ],
      contexts: [{}, { context: { namespace: "media" } }],
    });
  });

  it("refuses entries of the same name that belong to another cluster", () => {
    const theirs = merge(WORK, others).text.reveal();
    const error = refusal(theirs);
    expect(error.code).toBe("KUBECONFIG_CONFLICT");
    expect(error.message).toBe(
      `${PATH} has entries named pi-image-homelab that do not belong to this cluster.`,
    );
    expect(error.facts).toEqual(["under clusters", "under users"]);
    expect(error.hint).toContain("kubectl config delete-user pi-image-homelab");
  });

  it("refuses a context of the same name that leads elsewhere", () => {
    const error = refusal(
      WORK.replaceAll("name: work", "name: pi-image-homelab"),
    );
    expect(error.facts).toEqual(["under clusters", "under contexts"]);
  });

  it.each([
    [
      "broken YAML",
      "clusters: [\n token: hunter2",
      /line \d+ is not valid YAML/,
    ],
    ["a list", "- token: hunter2\n", /does not hold named values/],
    [
      "a list that is none",
      "clusters: {token: hunter2}\n",
      /clusters is not a list/,
    ],
  ])("refuses %s without quoting it", (_what, existing, why) => {
    const error = refusal(existing);
    expect(error.code).toBe("KUBECONFIG_WRONG");
    expect(error.message).toMatch(why);
    expect(inspect(error, { depth: 9 })).not.toContain("hunter2");
  });
});

describeWithTools(["kubectl"], "a merged kubeconfig", () => {
  it("is what kubectl reads, with the old entries beside the new", async () => {
    const file = join(temporaryFolder(), "config");
    writeFileSync(
      file,
      merge(
        WORK.replace("user: no", 'user: "0123"').replace("0123\n", '"0123"\n'),
      ).text.reveal(),
      { mode: 0o600 },
    );
    const kubectl = async (...args: readonly string[]) =>
      (await runTool("kubectl", ["--kubeconfig", file, ...args])).stdout;
    expect(await kubectl("config", "get-contexts", "-o", "name")).toBe(
      "pi-image-homelab\nwork\n",
    );
    expect(await kubectl("config", "current-context")).toBe("work\n");
    const server = "jsonpath={.clusters[0].cluster.server}";
    const minified = ["config", "view", "--minify", "-o", server];
    expect(await kubectl("--context", "work", ...minified)).toBe(
      "https://work.example.org:6443",
    );
    expect(await kubectl("--context", "pi-image-homelab", ...minified)).toBe(
      "https://192.168.1.50:6443",
    );
  });

  it("stays as it is when kubectl writes it and pi-image merges again", async () => {
    const file = join(temporaryFolder(), "config");
    writeFileSync(file, merge("").text.reveal(), { mode: 0o600 });
    await runTool("kubectl", [
      "--kubeconfig",
      file,
      "config",
      "set-context",
      "pi-image-homelab",
      "--namespace",
      "media",
    ]);
    const { stdout } = await runTool("cat", [file]);
    expect(parse(merge(stdout).text.reveal())).toEqual(parse(stdout));
    expect(stdout).toContain("namespace: media");
  });
});
