// The node's script that has its API server refuse a lost node, with a kubectl that answers as told.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";
import { temporaryFolder } from "../support/folder.ts";

const SCRIPT = packageFile("cloud-init/files/usr/local/lib/pi-image/revoke");
const FILE = "etc/kubernetes/pki/pi-image/authorization.yaml";
const MANIFEST = `spec:
  containers:
  - command:
    - kube-apiserver
    - --authorization-config=/${FILE}
    - --secure-port=6444
`;
const OLD = "authorizers: []\n";
const NEW = 'expression: request.user in ["system:node:worker1"]\n';

/** Serves for as many calls as the file `serves` says, then refuses. */
const KUBECTL = `#!/bin/bash
echo "$*" >>"$PI_IMAGE_ROOT/calls"
[[ "$*" == *"get --raw /version"* ]] || { echo "did: $*"; exit 0; }
left=$(<"$PI_IMAGE_ROOT/serves")
if ((left > 0)); then echo $((left - 1)) >"$PI_IMAGE_ROOT/serves"; exit 0; fi
echo 'Post "https://127.0.0.1:1/revoked-by-pi-image?timeout=1s": connection refused' >&2
exit 1
`;

const controlPlane = async (manifest: string | undefined) => {
  const root = await temporaryFolder();
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write(FILE, OLD);
  write("calls", "");
  write("serves", "2");
  if (manifest !== undefined) {
    write("etc/kubernetes/manifests/kube-apiserver.yaml", manifest);
  }
  write("bin/kubectl", KUBECTL);
  write("bin/sleep", "#!/bin/sh\n");
  chmodSync(join(root, "bin/kubectl"), 0o755);
  chmodSync(join(root, "bin/sleep"), 0o755);
  return {
    root,
    read: (path: string) => readFileSync(join(root, path), "utf8"),
    revoke: (words: readonly string[], input = "") => {
      const { status, stdout, stderr } = spawnSync("bash", [SCRIPT, ...words], {
        input,
        encoding: "utf8",
        env: {
          PATH: `${join(root, "bin")}:${process.env["PATH"] ?? ""}`,
          PI_IMAGE_ROOT: root,
        },
      });
      return { status, stdout, stderr: stderr.trim() };
    },
  };
};

describe("the script revoke", () => {
  it("changes the file and waits until the API server refuses the node", async () => {
    const { read, revoke, root } = await controlPlane(MANIFEST);
    expect(revoke(["refuse", "worker1"], NEW)).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
    expect(read(FILE)).toBe(NEW);
    expect(statSync(join(root, FILE)).mode & 0o777).toBe(0o600);
    const asked = `--kubeconfig ${root}/etc/kubernetes/admin.conf --server https://127.0.0.1:6444 --request-timeout=20s get --raw /version --as system:node:worker1 --as-group system:nodes --as-group system:authenticated\n`;
    expect(read("calls")).toBe(asked.repeat(3));
  });

  it.each([
    [undefined, NEW, "it has no API server yet"],
    [
      MANIFEST.replace(/.*authorization.*\n/, ""),
      NEW,
      "its API server was made by a pi-image that could not revoke nodes; docs/theft.md says how to change it",
    ],
    [MANIFEST, "", "what came over SSH is not whole"],
    [
      MANIFEST,
      NEW.replace("worker1", "worker11"),
      "what came over SSH is not whole",
    ],
  ])("leaves the file alone (%#)", async (manifest, input, why) => {
    const { read, revoke } = await controlPlane(manifest);
    expect(revoke(["refuse", "worker1"], input)).toEqual({
      status: 1,
      stdout: "",
      stderr: why,
    });
    expect(read(FILE)).toBe(OLD);
  });

  it("tells which pods there were before it deletes them and the node", async () => {
    const { read, revoke } = await controlPlane(MANIFEST);
    const { status, stdout } = revoke(["remove", "worker1"]);
    expect(status).toBe(0);
    expect(stdout).toContain("get pods");
    expect(stdout).not.toContain("delete");
    expect(
      read("calls")
        .split("\n")
        .map((line) => line.split(" ").slice(5, 7).join(" ")),
    ).toEqual(["get pods", "delete node", "delete pods", ""]);
  });

  it("takes no name that a shell or a selector would read", async () => {
    const { revoke, root } = await controlPlane(MANIFEST);
    for (const words of [
      ["refuse", "a,b"],
      ["remove", ""],
      ["remove", "$(touch x)"],
      ["erase", "worker1"],
      ["refuse"],
    ]) {
      expect(revoke(words)).toMatchObject({
        status: 1,
        stderr: "usage: revoke refuse|remove NAME",
      });
    }
    expect(existsSync(join(root, "x"))).toBe(false);
  });
});
