// Real Kubernetes decides what a kubelet asks for; what the control planes approve, and what stays pending.
import { webcrypto } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makeClusterSecrets } from "../../src/kubernetes/secrets/make-cluster-secrets.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { homelab } from "./project.ts";
import {
  type ControlPlane,
  describeWithControlPlane,
  startControlPlane,
} from "./real-control-plane.ts";

const STARTS = 120_000;
const SCRIPT = packageFile(
  "cloud-init/files/usr/local/lib/pi-image/approve-serving",
);
const USAGES = ["digital signature", "server auth"];
const AS_WORKER = ["--as=system:node:worker1", "--as-group=system:nodes"];
const SUBJECT = "/O=system:nodes/CN=system:node:worker1";
const OWN = "DNS:worker1,IP:192.168.1.61,IP:fd00:0:0:1::61";

/** Addresses that Nodes claim for themselves. */
const NODES: Readonly<Record<string, readonly string[]>> = {
  cplane: ["192.168.1.50"],
  worker1: [
    "192.168.1.61",
    "fd00:0:0:1::61",
    // What a thief would write into the Node of the stolen card.
    "192.168.1.62",
    "192.168.1.50",
    "10.96.0.1",
    "10.244.3.1",
    "127.0.0.1",
    "0.0.0.0",
    "::1",
    "::ffff:192.168.1.50",
  ],
  worker2: ["192.168.1.62"],
};

type Wish = {
  readonly subject?: string;
  readonly names?: string;
  readonly usages?: readonly string[];
  /** Who asks, as kubectl's words; the node itself unless told. */
  readonly as?: readonly string[];
};

const REFUSED: readonly (readonly [name: string, wish: Wish, why: string])[] = [
  ["another-name", { names: `${OWN},DNS:cplane` }, "not the node's"],
  ["longer-name", { names: "DNS:worker1.evil" }, "not the node's"],
  ["service", { names: `${OWN},DNS:kubernetes.default.svc` }, "not the node's"],
  ["any-name", { names: "DNS:*" }, "not the node's"],
  ["stranger", { names: "DNS:worker1,IP:192.168.1.99" }, "node's alone"],
  ["of-worker2", { names: "DNS:worker1,IP:192.168.1.62" }, "node's alone"],
  ["of-cplane", { names: "DNS:worker1,IP:192.168.1.50" }, "node's alone"],
  ["api-service", { names: "DNS:worker1,IP:10.96.0.1" }, "node's alone"],
  ["of-a-pod", { names: "DNS:worker1,IP:10.244.3.1" }, "node's alone"],
  ["loopback", { names: "DNS:worker1,IP:127.0.0.1" }, "node's alone"],
  ["loopback6", { names: "DNS:worker1,IP:::1" }, "node's alone"],
  ["address-as-name", { names: "DNS:192.168.1.61" }, "not the node's"],
  ["mail", { names: `${OWN},email:a@b.c` }, "cannot be read"],
  ["uri", { names: `${OWN},URI:https://cplane` }, "cannot be read"],
  ["nothing", { names: "" }, "cannot be read"],
  [
    "more-groups",
    { subject: "/O=system:nodes/O=system:masters/CN=system:node:worker1" },
    "another subject",
  ],
  ["client", { usages: ["digital signature", "client auth"] }, "other uses"],
  [
    "both",
    { usages: ["digital signature", "client auth", "server auth"] },
    "other uses",
  ],
];

/** Of these not even a word is said: they are no known node's. */
const IGNORED: readonly (readonly [string, Wish])[] = [
  ["administrator", { as: [] }],
  ["somebody", { as: ["--as=ana", "--as-group=system:masters"] }],
  [
    "unknown-node",
    {
      as: ["--as=system:node:worker9", "--as-group=system:nodes"],
      subject: "/O=system:nodes/CN=system:node:worker9",
      names: "DNS:worker9",
    },
  ],
];

describeWithControlPlane("serving certificates of kubelets", () => {
  let folder = "";
  let plane: ControlPlane;
  let stop: (() => void) | undefined;

  const ask = async (name: string, wish: Wish): Promise<string> => {
    const { subject = SUBJECT, names = OWN, usages = USAGES } = wish;
    const request = await plane.demand(
      "openssl",
      ..."req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split(
        " ",
      ),
      "-keyout",
      "/dev/null",
      "-subj",
      subject,
      ...(names === "" ? [] : ["-addext", `subjectAltName=${names}`]),
    );
    await plane.write(
      "/run/csr.json",
      JSON.stringify({
        apiVersion: "certificates.k8s.io/v1",
        kind: "CertificateSigningRequest",
        metadata: { name },
        spec: {
          signerName: "kubernetes.io/kubelet-serving",
          request: Buffer.from(request.stdout).toString("base64"),
          usages,
        },
      }),
    );
    const { stdout, stderr } = await plane.kubectl(
      ...(wish.as ?? AS_WORKER),
      "create",
      "-f",
      "/run/csr.json",
    );
    return `${stdout}${stderr}`;
  };

  const approve = () => plane.run("bash", SCRIPT);

  const read = async (name: string, path: string): Promise<string> =>
    (await plane.kubectl("get", "csr", name, "-o", `jsonpath={${path}}`))
      .stdout;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "pi-image-serving-"));
    const secrets = await makeClusterSecrets(homelab, {
      now: new Date(),
      crypto: webcrypto,
    });
    plane = await startControlPlane(folder, homelab, secrets);
    ({ stop } = plane);
    await plane.demand(
      "kubectl",
      "--kubeconfig=/etc/kubernetes/super-admin.conf",
      "create",
      "clusterrolebinding",
      "kubeadm:cluster-admins",
      "--clusterrole=cluster-admin",
      "--group=kubeadm:cluster-admins",
    );
    await plane.start("kube-controller-manager");
    for (const [name, addresses] of Object.entries(NODES)) {
      await plane.write(
        "/run/node.json",
        JSON.stringify({ apiVersion: "v1", kind: "Node", metadata: { name } }),
      );
      await plane.kubectl("create", "-f", "/run/node.json");
      const status = {
        addresses: [
          ...addresses.map((address) => ({ type: "InternalIP", address })),
          { type: "Hostname", address: name },
          { type: "InternalDNS", address: "kubernetes.default.svc" },
        ],
      };
      const patched = await plane.kubectl(
        "patch",
        "node",
        name,
        "--subresource=status",
        "--type=merge",
        `--patch=${JSON.stringify({ status })}`,
      );
      expect(patched.stderr).toBe("");
    }
  }, STARTS);

  afterAll(() => {
    stop?.();
    rmSync(folder, { recursive: true, force: true });
  });

  it("are approved where a node asks for its own name and addresses, and signed", async () => {
    for (const [name, names] of [
      ["own", OWN],
      ["name-only", "DNS:worker1"],
      ["long", `${OWN},${Array(20).fill("DNS:worker1").join()}`],
    ] as const) {
      expect(await ask(name, { names })).toContain("created");
    }
    const { stdout, status } = await approve();
    expect(status).toBe(0);
    expect(stdout.match(/certificate of worker1 is approved/g)).toHaveLength(3);
    await plane.until(
      "bash",
      "-c",
      "kubectl --kubeconfig=/etc/kubernetes/super-admin.conf get csr own -o jsonpath={.status.certificate} | grep .",
    );
    const issued = Buffer.from(
      await read("own", ".status.certificate"),
      "base64",
    ).toString();
    await plane.write("/run/issued.crt", issued);
    const judged = await plane.demand(
      "openssl",
      "verify",
      "-CAfile",
      "/etc/kubernetes/pki/ca.crt",
      "-purpose",
      "sslserver",
      "-verify_ip",
      "192.168.1.61",
      "/run/issued.crt",
    );
    expect(judged.stdout).toContain("OK");
    // Nothing is left to do, and nothing is said.
    expect(await approve()).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  it(
    "stay pending for whatever is not the node's alone, and why is told once",
    async () => {
      for (const [name, wish] of [...REFUSED, ...IGNORED]) {
        expect(await ask(name, wish)).toContain("created");
      }
      const first = await approve();
      expect(first.status).toBe(0);
      for (const [name, , why] of REFUSED) {
        const line = first.stdout
          .split("\n")
          .find((text) => text.includes(` ${name} of `));
        expect(line, name).toContain(why);
      }
      expect(first.stdout.trim().split("\n")).toHaveLength(REFUSED.length);
      expect(await approve()).toEqual({ status: 0, stdout: "", stderr: "" });
      for (const [name] of [...REFUSED, ...IGNORED]) {
        expect([name, await read(name, ".status.conditions[*].type")]).toEqual([
          name,
          name === "client" || name === "both" || name === "more-groups"
            ? expect.not.stringContaining("Approved")
            : "",
        ]);
      }
    },
    STARTS,
  );

  it("cannot be asked for in the name of another node", async () => {
    expect(
      await ask("as-another", {
        as: ["--as=system:node:worker2", "--as-group=system:nodes"],
      }),
    ).toMatch(/can only create a node CSR/);
    await approve();
    expect(await read("as-another", ".status.conditions[*].type")).toBe("");
  });

  it("are told where the administrator's file of the control plane lost its rights", async () => {
    await plane.kubectl(
      "delete",
      "clusterrolebinding",
      "kubeadm:cluster-admins",
    );
    const { stdout } = await approve();
    expect(stdout).toContain(
      "may not approve the serving certificates of kubelets",
    );
    expect((await approve()).stdout).toBe("");
  });
});
