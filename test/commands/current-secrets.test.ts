// The administrator's certificate is renewed by whichever command would miss it.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { expect, it } from "vitest";
import { readCertificate } from "../../src/kubernetes/certificate.ts";
import {
  adminAccess,
  adminKubeconfig,
} from "../../src/kubernetes/render-kubeconfig.ts";
import { encryptText } from "../../src/kubernetes/secrets/age-envelope.ts";
import { loadClusterSecrets } from "../../src/kubernetes/secrets/load-cluster-secrets.ts";
import { writeSecretsDocument } from "../../src/kubernetes/secrets/secrets-document.ts";
import { clusterFolder } from "../cluster/cluster-folder.ts";
import { runCli } from "../support/run-cli.ts";

const DAY = 24 * 60 * 60 * 1000;

const madeAgo = async (days: number) => {
  const cluster = await clusterFolder(new Date(Date.now() - days * DAY));
  const { folder, project, secrets, secretsFile } = cluster;
  mkdirSync(join(folder, "out"));
  const old = adminKubeconfig(adminAccess(project, secrets)).reveal();
  for (const name of ["out/kubeconfig", "merged"]) {
    writeFileSync(join(folder, name), old, { mode: 0o600 });
  }
  return {
    ...cluster,
    old,
    read: (name: string) => readFileSync(join(folder, name), "utf8"),
    daysLeft: async () => {
      const now = await loadClusterSecrets(secretsFile, {});
      const { validTo } = readCertificate(now?.secrets.admin.certificate ?? "");
      return Math.round((validTo.getTime() - Date.now()) / DAY);
    },
    run: (words: string) =>
      runCli(words.split(" "), {
        cwd: folder,
        env: { KUBECONFIG: join(folder, "merged") },
      }),
  };
};

it.each([310, 400])("is made anew %i days after it was made", async (days) => {
  const { run, read, old, daysLeft } = await madeAgo(days);
  const { status, stdout, stderr } = await run("kubeconfig --print");
  expect(status, stderr).toBe(0);
  expect(stderr).toContain("Renewed the administrator's certificate.");
  expect(await daysLeft()).toBe(365);
  expect(stdout).not.toBe(old);
  expect(read("out/kubeconfig")).toBe(stdout);
  const data = /client-certificate-data: (\S+)/.exec(stdout)?.[1] ?? "";
  expect(read("merged")).toContain(data);
  // Nothing is written while it lasts.
  const again = await run("kubeconfig --print");
  expect(again.stdout).toBe(stdout);
  expect(again.stderr).toBe("");
});

it("stays for ten months", async () => {
  const { run, read, old, daysLeft } = await madeAgo(300);
  const { status, stdout } = await run("kubeconfig --print");
  expect([status, stdout]).toEqual([0, old]);
  expect(await daysLeft()).toBe(65);
  expect(read("merged")).toBe(old);
});

it.each([
  [310, 0, "warning: the administrator's certificate ends soon"],
  [400, 1, "error[ADMIN_CERTIFICATE_ENDED]"],
])(
  "is told where it cannot be stored, %i days after it was made",
  async (days, wanted, text) => {
    const { secrets, secretsFile, folder, run, read, old } =
      await madeAgo(days);
    const identity = await generateX25519Identity();
    writeFileSync(join(folder, "age"), `${identity}\n`, { mode: 0o600 });
    const recipient = await identityToRecipient(identity);
    // It does not say to whom it is encrypted, as one that somebody encrypted with age itself.
    const document = writeSecretsDocument({ secrets, encryptedTo: [] });
    writeFileSync(secretsFile, await encryptText(document, [recipient]));
    const { status, stderr } = await run("kubeconfig --print --identity age");
    expect(status, stderr).toBe(wanted);
    expect(stderr).toContain(text);
    expect(stderr).toContain("must be changed, but does not say to whom");
    expect(read("out/kubeconfig")).toBe(old);
  },
);
