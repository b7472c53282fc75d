import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import type { ClusterSecrets } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import {
  adminAccess,
  adminKubeconfig,
  joinKubeconfig,
} from "../../src/kubernetes/render-kubeconfig.ts";
import { makeClusterSecrets } from "../../src/kubernetes/secrets/make-cluster-secrets.ts";
import type { Secret } from "../../src/report/secret.ts";
import { runTool, tryTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import { temporaryFolder } from "./folder.ts";
import { hiddenTexts } from "./hidden-texts.ts";
import {
  homelab,
  making,
  node,
  nodeOf,
  threeControlPlanes,
  withEndpoint,
  withNodes,
} from "./project.ts";

let secrets: ClusterSecrets;

beforeAll(async () => {
  secrets = await makeClusterSecrets(homelab, making);
});

const laid = (kubeconfig: Secret): string => {
  const file = join(temporaryFolder(), "config");
  writeFileSync(file, kubeconfig.reveal(), { mode: 0o600 });
  return file;
};

const kubectl = async (file: string, ...args: readonly string[]) =>
  (await runTool("kubectl", ["--kubeconfig", file, ...args])).stdout;

/** One value of the current context's view, decoded. */
const embedded = async (file: string, path: string): Promise<string> => {
  const value = await kubectl(
    file,
    "config",
    "view",
    "--minify",
    "--raw",
    "-o",
    `jsonpath={${path}}`,
  );
  return Buffer.from(value, "base64").toString();
};

describeWithTools(["kubectl", "openssl"], "kubeconfigs", () => {
  it("let a card join as its node, by the endpoint's name", async () => {
    const file = laid(
      joinKubeconfig(homelab, nodeOf(homelab, "worker1"), secrets),
    );
    const view = await kubectl(
      file,
      "config",
      "view",
      "--minify",
      "-o",
      "jsonpath={.clusters[0].cluster.server} {.users[0].name} {.current-context}",
    );
    expect(view).toBe(
      "https://cplane:6443 system:node:worker1 system:node:worker1@homelab",
    );
  });

  it("embed a certificate, its key, and the authority of both ends", async () => {
    const file = laid(adminKubeconfig(adminAccess(homelab, secrets)));
    const folder = temporaryFolder();
    const lay = async (name: string, path: string) => {
      writeFileSync(join(folder, name), await embedded(file, path));
    };
    await lay("ca.crt", ".clusters[0].cluster.certificate-authority-data");
    await lay("client.crt", ".users[0].user.client-certificate-data");
    await lay("client.key", ".users[0].user.client-key-data");
    const seconds = String(making.now.getTime() / 1000);
    const verdict = await tryTool(
      "openssl",
      [
        "verify",
        "-x509_strict",
        "-purpose",
        "sslclient",
        "-attime",
        seconds,
        "-CAfile",
        "ca.crt",
        "client.crt",
      ],
      { cwd: folder },
    );
    expect(verdict.stdout).toBe("client.crt: OK\n");
    const [ofCertificate, ofKey] = await Promise.all([
      runTool("openssl", ["x509", "-in", "client.crt", "-pubkey", "-noout"], {
        cwd: folder,
      }),
      runTool("openssl", ["pkey", "-in", "client.key", "-pubout"], {
        cwd: folder,
      }),
    ]);
    expect(ofCertificate.stdout).toBe(ofKey.stdout);
  });

  it("are refused by kubectl when a byte is missing", async () => {
    const file = join(temporaryFolder(), "config");
    const text = adminKubeconfig(adminAccess(homelab, secrets)).reveal();
    writeFileSync(
      file,
      text.replace("client-key-data: LS", "client-key-data: L"),
    );
    const { status } = await tryTool("kubectl", [
      "--kubeconfig",
      file,
      "config",
      "view",
      "--raw",
    ]);
    expect(status).not.toBe(0);
  });
});

describe("kubeconfigs", () => {
  it("reach the API server from a laptop that knows none of the cluster's names", () => {
    const dhcp = withNodes(homelab, node("cplane", "control-plane"));
    const server = (project: typeof homelab) =>
      adminAccess(project, secrets).server;
    expect(server(homelab)).toBe("https://192.168.1.50:6443");
    expect(server(threeControlPlanes)).toBe("https://192.168.1.40:6443");
    expect(server(withEndpoint(dhcp, { address: undefined }))).toBe(
      "https://cplane.local:6443",
    );
    expect(
      server(withEndpoint(dhcp, { host: "k8s.lan", address: undefined })),
    ).toBe("https://k8s.lan:6443");
    expect(server(withEndpoint(homelab, { address: "fd00::50" }))).toBe(
      "https://[fd00::50]:6443",
    );
  });

  it("show no secret when printed", () => {
    const printed = inspect(
      [
        joinKubeconfig(homelab, nodeOf(homelab, "worker1"), secrets),
        adminKubeconfig(adminAccess(homelab, secrets)),
        adminAccess(homelab, secrets),
      ],
      { depth: 9, showHidden: true },
    );
    expect(printed).toContain("***");
    for (const text of hiddenTexts(secrets)) {
      expect(printed).not.toContain(text);
    }
    expect(printed).not.toContain("client-key-data");
  });

  it("are not made for a node that has no credentials", () => {
    expect(() =>
      joinKubeconfig(homelab, node("worker9", "worker"), secrets),
    ).toThrow("no node worker9");
  });
});
