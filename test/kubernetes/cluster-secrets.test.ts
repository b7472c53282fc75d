import { inspect } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import type { ResolvedProject } from "../../src/inventory/resolved.ts";
import {
  isSignedBy,
  readCertificate,
} from "../../src/kubernetes/certificate.ts";
import { checkSecrets } from "../../src/kubernetes/secrets/check-secrets.ts";
import {
  type ClusterSecrets,
  credentialsOf,
  type NodeCredentials,
} from "../../src/kubernetes/secrets/cluster-secrets.ts";
import { completeClusterSecrets } from "../../src/kubernetes/secrets/complete-cluster-secrets.ts";
import { makeClusterSecrets } from "../../src/kubernetes/secrets/make-cluster-secrets.ts";
import { rotateJoinCredentials } from "../../src/kubernetes/secrets/rotate-join-credentials.ts";
import { secretsReport } from "../../src/kubernetes/secrets/secrets-report.ts";
import {
  homelab,
  inDays,
  making,
  node,
  NOW,
  withCluster,
  withNodes,
} from "./project.ts";
import { failureOf } from "../support/failure.ts";
import { hiddenTexts } from "./hidden-texts.ts";

let secrets: ClusterSecrets;
let others: ClusterSecrets;

beforeAll(async () => {
  secrets = await makeClusterSecrets(homelab, making);
  others = await makeClusterSecrets(homelab, making);
});

const of = (from: ClusterSecrets, name: string): NodeCredentials => {
  const found = credentialsOf(from, name);
  if (found === undefined) {
    throw new Error(`no credentials of ${name}`);
  }
  return found;
};

const withDays = (days: number): ResolvedProject =>
  withCluster(homelab, { join: { ...homelab.cluster.join, days } });

describe("new secrets", () => {
  it("fit together and name every node", () => {
    checkSecrets(secrets, "homelab", NOW);
    expect(Object.keys(secrets.nodes)).toEqual([
      "cplane",
      "worker1",
      "worker2",
    ]);
    expect(secrets.bootstrapToken.reveal()).toMatch(
      /^[a-z0-9]{6}\.[a-z0-9]{16}$/,
    );
  });

  it("give each node a join identity of its own for the inventory's days", () => {
    for (const name of ["cplane", "worker1", "worker2"]) {
      const { certificate } = of(secrets, name).joinIdentity;
      expect(readCertificate(certificate)).toEqual({
        commonName: `system:node:${name}`,
        organization: "system:nodes",
        validFrom: new Date("2025-11-20T12:00:00Z"),
        validTo: new Date("2026-12-20T12:00:00Z"),
      });
      expect(isSignedBy(certificate, secrets.ca)).toBe(true);
      expect(isSignedBy(certificate, others.ca)).toBe(false);
    }
  });

  it("give the laptop an administrator that init binds, for a year", () => {
    expect(readCertificate(secrets.admin.certificate)).toMatchObject({
      commonName: "kubernetes-admin",
      organization: "kubeadm:cluster-admins",
      validTo: new Date("2027-11-20T12:00:00Z"),
    });
  });

  it("share nothing with another cluster's", () => {
    const [one, two] = [hiddenTexts(secrets), hiddenTexts(others)];
    expect(one).toHaveLength(13);
    expect(one.filter((text) => two.includes(text))).toEqual([]);
  });

  it("serve a node that is called as a property of every object", async () => {
    const project = withNodes(homelab, node("constructor", "control-plane"));
    const { secrets: completed, changes } = await completeClusterSecrets(
      secrets,
      project,
      making,
    );
    expect(changes).toEqual([
      "constructor is new: generated its host key and join identity.",
    ]);
    expect(of(completed, "constructor").hostKey.publicKey).toContain(
      "root@constructor",
    );
    expect(credentialsOf(secrets, "constructor")).toBeUndefined();
  });

  it("show no secret when printed", () => {
    const printed =
      inspect(secrets, { depth: 9, showHidden: true }) +
      JSON.stringify(secrets) +
      inspect(secretsReport(secrets, homelab, NOW), { depth: 9 }) +
      JSON.stringify(secretsReport(secrets, homelab, NOW));
    for (const text of hiddenTexts(secrets)) {
      expect(printed).not.toContain(text);
    }
    expect(printed).not.toContain("PRIVATE KEY");
  });
});

describe("completing", () => {
  it("leaves complete secrets alone", async () => {
    const result = await completeClusterSecrets(secrets, homelab, inDays(14));
    expect(result.changes).toEqual([]);
    expect(result.secrets).toBe(secrets);
  });

  it("adds a new node and keeps all others, the removed one too", async () => {
    const project = withNodes(
      homelab,
      node("cplane", "control-plane"),
      node("worker3", "worker"),
    );
    const result = await completeClusterSecrets(secrets, project, making);
    expect(result.changes).toEqual([
      "worker3 is new: generated its host key and join identity.",
    ]);
    expect(Object.keys(result.secrets.nodes)).toEqual([
      "cplane",
      "worker1",
      "worker2",
      "worker3",
    ]);
    expect(result.secrets.nodes["worker1"]).toBe(secrets.nodes["worker1"]);
    checkSecrets(result.secrets, "homelab", NOW);
  });

  it.each([
    [
      "less than half of its days is left",
      16,
      30,
      "the old one had 14 of 30 days left",
    ],
    ["it has ended", 31, 30, "the old one had ended"],
    ["the inventory shortens it", 0, 7, "the inventory now allows 7 days"],
    ["the inventory lengthens it", 0, 90, "the old one had 30 of 90 days left"],
  ])("renews a join identity when %s", async (_when, later, days, why) => {
    const project = withDays(days);
    const result = await completeClusterSecrets(
      secrets,
      project,
      inDays(later),
    );
    expect(result.changes).toEqual(
      ["cplane", "worker1", "worker2"].map(
        (name) => `Renewed the join identity of ${name}: ${why}.`,
      ),
    );
    const renewed = of(result.secrets, "worker1");
    expect(readCertificate(renewed.joinIdentity.certificate).validTo).toEqual(
      inDays(later + days).now,
    );
    expect(renewed.hostKey).toBe(of(secrets, "worker1").hostKey);
    expect(result.secrets.ca).toBe(secrets.ca);
    checkSecrets(result.secrets, "homelab", inDays(later).now);
  });

  it("renews the admin certificate in its last two months", async () => {
    const before = await completeClusterSecrets(secrets, homelab, inDays(304));
    expect(before.secrets.admin).toBe(secrets.admin);
    const after = await completeClusterSecrets(secrets, homelab, inDays(306));
    expect(after.changes).toContain("Renewed the administrator's certificate.");
    expect(readCertificate(after.secrets.admin.certificate).validTo).toEqual(
      inDays(306 + 365).now,
    );
  });
});

describe("rotating", () => {
  it("replaces what a card or a laptop carries, and keeps the cluster", async () => {
    const result = await rotateJoinCredentials(secrets, homelab, making);
    expect(result.changes).toHaveLength(5);
    checkSecrets(result.secrets, "homelab", NOW);
    expect(result.secrets.ca).toBe(secrets.ca);
    expect(result.secrets.serviceAccount).toBe(secrets.serviceAccount);
    expect(of(result.secrets, "worker1").hostKey).toBe(
      of(secrets, "worker1").hostKey,
    );
    const kept = hiddenTexts(result.secrets).filter((text) =>
      hiddenTexts(secrets).includes(text),
    );
    // Three authorities, the service account key, the key of the Secrets and three host keys.
    expect(kept).toHaveLength(8);
  });

  it("replaces the join identity of one node only", async () => {
    const result = await rotateJoinCredentials(secrets, homelab, making, [
      "worker2",
    ]);
    expect(result.changes).toEqual(["Renewed the join identity of worker2."]);
    expect(result.secrets.nodes["worker1"]).toBe(secrets.nodes["worker1"]);
    expect(result.secrets.bootstrapToken).toBe(secrets.bootstrapToken);
  });

  it("refuses a node that is not in the inventory", async () => {
    const error = await failureOf(
      rotateJoinCredentials(secrets, homelab, making, ["worker9"]),
    );
    expect(error.code).toBe("WRONG_ARGUMENTS");
    expect(error.hint).toContain("cplane, worker1, worker2");
  });

  it("signs everything anew for a cluster CA that the user brought", async () => {
    const mixed = { ...secrets, ca: others.ca };
    const result = await rotateJoinCredentials(mixed, homelab, making);
    checkSecrets(result.secrets, "homelab", NOW);
    expect(isSignedBy(result.secrets.admin.certificate, others.ca)).toBe(true);
  });
});

describe("inconsistent secrets", () => {
  const changed = (changes: Partial<ClusterSecrets>): ClusterSecrets => ({
    ...secrets,
    ...changes,
  });
  const ofWorker1 = (changes: Partial<NodeCredentials>): ClusterSecrets =>
    changed({
      nodes: {
        ...secrets.nodes,
        worker1: { ...of(secrets, "worker1"), ...changes },
      },
    });

  it.each<[string, () => ClusterSecrets, RegExp]>([
    [
      "a CA with another key",
      () => changed({ ca: { ...secrets.ca, key: others.ca.key } }),
      /^cluster CA: the key does not belong to the certificate$/,
    ],
    [
      "a CA that is a client",
      () => changed({ etcdCa: secrets.admin }),
      /^etcd CA: the certificate is not one of an authority$/,
    ],
    [
      "a service account key of another pair",
      () =>
        changed({
          serviceAccount: {
            ...secrets.serviceAccount,
            key: others.serviceAccount.key,
          },
        }),
      /^service account key: the public key does not belong to the private key$/,
    ],
    [
      "another cluster's CA",
      () => changed({ ca: others.ca }),
      /^admin certificate: another authority signed the certificate$/,
    ],
    [
      "another cluster's node",
      () => ofWorker1(of(others, "worker1")),
      /^join identity of worker1: another authority signed the certificate$/,
    ],
    [
      "another node's identity",
      () => ofWorker1({ joinIdentity: of(secrets, "worker2").joinIdentity }),
      /^join identity of worker1: the certificate is made out to system:node:worker2, not system:node:worker1$/,
    ],
    [
      "another node's host key",
      () =>
        ofWorker1({
          hostKey: {
            ...of(secrets, "worker1").hostKey,
            key: of(secrets, "worker2").hostKey.key,
          },
        }),
      /^host key of worker1: the public key does not belong to the private key$/,
    ],
    [
      "a certificate that nobody can read",
      () =>
        changed({
          frontProxyCa: {
            ...secrets.frontProxyCa,
            certificate: "-----BEGIN CERTIFICATE-----\nAAAA\n",
          },
        }),
      /^front-proxy CA: the certificate or the key cannot be read$/,
    ],
  ])("are refused: %s", async (_what, make, finding) => {
    const error = await failureOf(
      completeClusterSecrets(make(), homelab, making),
    );
    expect(error.code).toBe("SECRETS_INCONSISTENT");
    expect(error.exitCode).toBe(2);
    expect(error.facts.some((fact) => finding.test(fact))).toBe(true);
    const printed = inspect(error, { depth: 9 });
    for (const text of [...hiddenTexts(secrets), ...hiddenTexts(others)]) {
      expect(printed).not.toContain(text);
    }
  });

  it("are refused when an authority has ended or not begun", async () => {
    const late = await failureOf(
      rotateJoinCredentials(secrets, homelab, inDays(3651)),
    );
    expect(late.facts).toContain(
      "cluster CA: the certificate ended on 2036-11-17",
    );
    const early = await failureOf(
      completeClusterSecrets(secrets, homelab, inDays(-366)),
    );
    expect(early.facts).toContain(
      "etcd CA: the certificate begins only on 2025-11-20",
    );
  });

  it("are refused when they belong to a cluster of another name", async () => {
    const error = await failureOf(
      completeClusterSecrets(
        secrets,
        withCluster(homelab, { name: "lab" }),
        making,
      ),
    );
    expect(error.code).toBe("SECRETS_OTHER_CLUSTER");
    expect(error.message).toBe(
      "the secrets belong to the cluster homelab, but the inventory describes lab",
    );
  });
});

describe("report", () => {
  it("tells until when and which node is gone", () => {
    const report = secretsReport(
      secrets,
      withNodes(homelab, node("cplane", "control-plane")),
      inDays(31).now,
    );
    expect(
      report.certificates.map(({ what, daysLeft }) => [what, daysLeft]),
    ).toEqual([
      ["cluster CA", 3619],
      ["front-proxy CA", 3619],
      ["etcd CA", 3619],
      ["admin certificate", 334],
    ]);
    expect(
      report.nodes.map((entry) => [
        entry.node,
        entry.inInventory,
        entry.joinIdentity.daysLeft,
      ]),
    ).toEqual([
      ["cplane", true, -1],
      ["worker1", false, -1],
      ["worker2", false, -1],
    ]);
  });
});
