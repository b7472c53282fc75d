// `pi-image node revoke`, with an ssh that answers for the control planes.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadClusterSecrets } from "../../src/kubernetes/secrets/load-cluster-secrets.ts";
import { clusterFolder, INVENTORY } from "../cluster/cluster-folder.ts";
import { runCli } from "../support/run-cli.ts";

const THREE = INVENTORY.replace(
  "name: homelab",
  "name: homelab\n  endpoint: api.home.arpa\n  virtualAddress: 192.168.77.40",
).replace(
  "  - {name: worker1",
  "  - {name: cplane2, role: control-plane, address: 192.168.77.60/24}\n  - {name: cplane3, role: control-plane, address: 192.168.77.61/24}\n  - {name: worker1",
);

const PODS = JSON.stringify({
  items: [
    {
      metadata: { name: "till-1", namespace: "shop" },
      spec: {
        serviceAccountName: "till",
        volumes: [{ secret: { secretName: "tls" } }],
      },
    },
  ],
});

/** Notes what each control plane is told; `NODE.error` has its last words. */
const FAKE_SSH = `#!/bin/bash
folder=\${0%/*}/../ssh
words=("\${@:5}")
echo "\${words[*]}" >>"$folder/calls"
node=\${words[0]}
[[ ! -e $folder/$node.error ]] || { cat "$folder/$node.error" >&2; exit 255; }
case \${words[4]} in
  refuse) cat >"$folder/$node.yaml" ;;
  remove) cat "$folder/pods" ;;
esac
`;

const lab = async (inventory = THREE) => {
  const cluster = await clusterFolder(new Date(), inventory);
  const { folder, secretsFile } = cluster;
  mkdirSync(join(folder, "bin"));
  mkdirSync(join(folder, "ssh"));
  writeFileSync(join(folder, "bin/ssh"), FAKE_SSH);
  chmodSync(join(folder, "bin/ssh"), 0o755);
  writeFileSync(join(folder, "ssh/pods"), PODS);
  return {
    ...cluster,
    file: (name: string) => join(folder, "ssh", name),
    calls: () =>
      existsSync(join(folder, "ssh/calls"))
        ? readFileSync(join(folder, "ssh/calls"), "utf8")
        : "",
    kept: async () => (await loadClusterSecrets(secretsFile, {}))?.secrets,
    pi: (...args: readonly string[]) =>
      runCli(args, {
        cwd: folder,
        env: { PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? ""}` },
      }),
  };
};

const SCRIPT = "sudo -n /usr/local/lib/pi-image/revoke";

describe("node revoke", () => {
  it("has every control plane refuse the node, removes it, and builds no card of its name", async () => {
    const { pi, calls, kept, file, secrets } = await lab();
    writeFileSync(file("cplane2.error"), "ssh: connect: No route to host\n");
    const first = await pi("node", "revoke", "worker1", "--yes");
    expect(first.status).toBe(1);
    expect(first.stdout).toBe(
      [
        "worker1 could read these Secrets; replace what they hold:",
        "  shop/tls",
        "",
        "Its pods had the rights of these service accounts; their tokens end with the pods:",
        "  shop/till",
        "",
        "",
      ].join("\n"),
    );
    expect(first.stderr).toBe(
      [
        "Noted that worker1 is revoked, and removed its host key and join identity.",
        "error[NODE_NOT_REVOKED]: cplane2 may still serve worker1",
        "  cplane2: SSH cannot connect: ssh: connect: No route to host",
        "state: the secrets file says that worker1 is revoked; refused by cplane and cplane3; its node and its pods are deleted",
        "hint: run the command again; it goes on where it stopped",
        "",
      ].join("\n"),
    );
    expect(calls()).toBe(
      [
        `cplane ${SCRIPT} refuse worker1`,
        `cplane2 ${SCRIPT} refuse worker1`,
        `cplane3 ${SCRIPT} refuse worker1`,
        `cplane ${SCRIPT} remove worker1`,
        "",
      ].join("\n"),
    );
    expect(readFileSync(file("cplane3.yaml"), "utf8")).toContain(
      'request.user in ["system:node:worker1"]',
    );
    const { worker1: _gone, ...others } = secrets.nodes;
    expect(await kept()).toMatchObject({ revoked: ["worker1"] });
    expect(Object.keys((await kept())?.nodes ?? {})).toEqual(
      Object.keys(others),
    );

    rmSync(file("cplane2.error"));
    writeFileSync(file("pods"), '{"items": []}');
    const second = await pi("node", "revoke", "worker1", "--yes");
    expect(second).toEqual({
      status: 0,
      stderr: "",
      stdout: [
        "worker1 is revoked: cplane, cplane2 and cplane3 refuse whatever it asks for, and its node and its pods are deleted.",
        "Take it out of the inventory: pi-image node remove worker1",
        "",
      ].join("\n"),
    });

    const check = await pi("check");
    expect(check.status).toBe(2);
    expect(check.stderr).toContain(
      "error[NODE_REVOKED]: worker1 was revoked, and the cluster refuses every card of that name",
    );
  });

  it("says of a control plane that its card has the cluster's authorities", async () => {
    const { pi, calls } = await lab();
    const { status, stderr } = await pi("node", "revoke", "cplane2", "--yes");
    expect(status).toBe(0);
    expect(stderr).toContain(
      "warning: cplane2 was a control plane: its card holds the keys of the cluster's authorities, and whoever has it can make a certificate for anybody",
    );
    expect(calls()).not.toContain("cplane2 sudo");
  });

  it.each([
    [["worker1"], "there is no terminal to confirm on"],
    [["worker9", "--yes"], "there is no node worker9"],
    [
      ["cplane", "--yes"],
      "cplane is the only control plane: there is nobody to refuse it",
    ],
  ])("refuses %j, and changes nothing", async (words, why) => {
    const { pi, calls, kept } = await lab(INVENTORY);
    const { status, stderr } = await pi("node", "revoke", ...words);
    expect(status).toBe(2);
    expect(stderr).toContain(`error[WRONG_ARGUMENTS]: ${why}`);
    expect(calls()).toBe("");
    expect((await kept())?.revoked).toEqual([]);
  });
});
