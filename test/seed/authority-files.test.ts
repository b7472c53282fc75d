// A project's own authority.yaml that is older than pi-image: what it lacks is told before a card is written.
import { describe, expect, it } from "vitest";
import type { Problem } from "../../src/report/problem.ts";
import { parseFragment } from "../../src/seed/library/parse-fragment.ts";
import { renderSeed } from "./render-seed.ts";
import {
  controlPlane,
  packageLibrary,
  sampleCluster,
  sampleNode,
  sampleProject,
  seedInput,
} from "./sample-project.ts";

const PATH = "kubernetes/authority.yaml";

const entry = (file: string): string =>
  `  - path: /var/lib/pi-image/seed/pki/${file}\n    content: \${pki.${file}}\n`;

const SINCE_EVER = ["ca.crt", "ca.key"];
const HARDENING = ["admission", "audit-policy", "authentication", "encryption"];
const REVOKING = ["authorization", "nobody"];

/** What is wrong when the fragment lays just these. */
const problemsOf = async (
  own: readonly string[],
  hardening: Partial<typeof sampleCluster.hardening> = {},
  node = controlPlane,
): Promise<readonly Problem[]> => {
  const text = `#cloud-config\nwrite_files:\n${[
    ...SINCE_EVER,
    ...own.map((name) => `pi-image/${name}.yaml`),
  ]
    .map(entry)
    .join("")}`;
  const library = await packageLibrary();
  const cluster = {
    ...sampleCluster,
    hardening: { ...sampleCluster.hardening, ...hardening },
  };
  const input = await seedInput({ ...sampleProject, cluster }, node);
  return renderSeed({
    ...input,
    secrets: { ...input.secrets, hardened: true },
    library: {
      ...library,
      fragments: new Map(library.fragments).set(
        PATH,
        parseFragment(text, `cloud-init/fragments/${PATH}`).value,
      ),
    },
  }).problems;
};

describe("a control plane's own files", () => {
  it("are asked for where the project's fragment is older", async () => {
    expect(await problemsOf(HARDENING.slice(0, 2))).toEqual([
      {
        code: "SEED_FILE_MISSING",
        severity: "error",
        message:
          "cplane lacks /var/lib/pi-image/seed/pki/pi-image/authentication.yaml, /var/lib/pi-image/seed/pki/pi-image/authorization.yaml, /var/lib/pi-image/seed/pki/pi-image/encryption.yaml and /var/lib/pi-image/seed/pki/pi-image/nobody.yaml; without that its API server does not start",
        at: {
          file: `cloud-init/fragments/${PATH}`,
          line: 3,
          column: 11,
          length: 33,
        },
        hint: "add them as pi-image's own cloud-init/fragments/kubernetes/authority.yaml has them; instead of a file you can also give up its default: cluster.hardening has anonymousAccess and encryptSecrets",
      },
    ]);
  });

  it("need not be there for defaults that are given up", async () => {
    expect(await problemsOf([...HARDENING, ...REVOKING])).toEqual([]);
    expect(
      await problemsOf(REVOKING, {
        auditLog: false,
        encryptSecrets: false,
        podSecurity: "privileged",
        anonymousAccess: "all",
      }),
    ).toEqual([]);
  });

  it("are no worker's", async () => {
    expect(await problemsOf([], {}, sampleNode)).toEqual([]);
  });
});
