// What decides about trust: signatures and keys, the cluster's secrets, kubeconfigs.
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  armor,
  Encrypter,
  generateIdentity,
  identityToRecipient,
} from "age-encryption";
import { readKey, WrongKey } from "../../src/base/proof/read-key.ts";
import { verifySignature } from "../../src/base/proof/signature.ts";
import { mergeIntoFile } from "../../src/cluster/kubeconfig-file.ts";
import { adminAccess } from "../../src/kubernetes/render-kubeconfig.ts";
import { loadClusterSecrets } from "../../src/kubernetes/secrets/load-cluster-secrets.ts";
import { checkSecrets } from "../../src/kubernetes/secrets/check-secrets.ts";
import { openGpg } from "../base/gpg.ts";
import { fixedSecrets, sampleProject } from "../seed/sample-project.ts";
import { packageFile } from "../../src/system/package-files.ts";
import type { FuzzInput } from "./fuzz-input.ts";
import { YAML_BOMBS, YAML_TOKENS } from "./yaml-inputs.ts";

const LIST = Buffer.from(`${"0".repeat(64)} *ubuntu.img.xz\n`);

export const SIGNATURES: FuzzInput = {
  cases: 300,
  prepare: async () => {
    const gpg = openGpg();
    try {
      const key = gpg.makeKey("signer");
      const rsa = gpg.makeKey("signer of lists", "rsa2048");
      const signatures = [
        gpg.sign(LIST, key),
        gpg.sign(LIST, key, "--armor"),
        gpg.sign(LIST, rsa),
      ];
      const keys = [key, key, rsa];
      const armored = Buffer.from(key.armored);
      const now = new Date();
      return {
        samples: [...signatures, armored].map((bytes) => ({
          bytes,
          fields: Array.from({ length: 40 }, (_, at) => at),
        })),
        tokens: [
          "-----BEGIN PGP SIGNATURE-----\n",
          "-----END PGP SIGNATURE-----\n",
          "=AAAA\n",
          "\n\n",
          "Hash: SHA1\n",
        ],
        extremes: [
          Buffer.alloc(1_000_000, 0xc2),
          Buffer.alloc(1_000_000, 0x88),
          Buffer.concat(
            Array.from(
              { length: 2000 },
              () => signatures[0] ?? Buffer.alloc(0),
            ),
          ),
          Buffer.from(
            "-----BEGIN PGP SIGNATURE-----\n\n".padEnd(1_000_000, "A"),
          ),
          Buffer.from(
            "-----BEGIN PGP SIGNATURE-----\n".padEnd(1_000_000, "A: b\n"),
          ),
        ],
        run: async (bytes, { sample, choice }) => {
          if (sample === signatures.length) {
            try {
              await readKey(bytes.toString("latin1"), key.fingerprint);
              return "key: taken";
            } catch (error) {
              if (error instanceof WrongKey) {
                return "key: refused";
              }
              throw error;
            }
          }
          const forged = choice % 8 === 1;
          await verifySignature(
            {
              data: forged ? Buffer.concat([LIST, Buffer.from("x")]) : LIST,
              signature: bytes,
              from: "a list",
              now,
            },
            keys[sample] ?? key,
          );
          if (forged) {
            throw new Error("a list that nobody signed was taken");
          }
          return "signature: taken";
        },
      };
    } finally {
      gpg.close();
    }
  },
};

const golden = readFileSync(packageFile("test/golden/secrets.yaml"));

export const SECRETS: FuzzInput = {
  cases: 300,
  prepare: async (folder) => {
    const identity = await generateIdentity();
    const identityFile = join(folder, "age.txt");
    await writeFile(identityFile, `${identity}\n`);
    const encrypter = new Encrypter();
    encrypter.addRecipient(await identityToRecipient(identity));
    const encrypted = await encrypter.encrypt(golden);
    const path = join(folder, "homelab.secrets.yaml");
    const binary = Buffer.from(encrypted);
    return {
      samples: [
        { bytes: golden },
        { bytes: Buffer.from(armor.encode(encrypted)) },
        { bytes: binary, fields: Array.from({ length: 200 }, (_, at) => at) },
      ],
      tokens: [
        ...YAML_TOKENS,
        "-----BEGIN CERTIFICATE-----",
        "AGE",
        "-> X25519 ",
        "\n--- ",
      ],
      extremes: [
        ...YAML_BOMBS.map((text) => Buffer.from(text)),
        Buffer.from(
          "age-encryption.org/v1\n".padEnd(1_000_000, "-> X25519 a\n"),
        ),
        Buffer.from(
          "-----BEGIN AGE ENCRYPTED FILE-----\n".padEnd(1_000_000, "A"),
        ),
      ],
      run: async (bytes) => {
        await writeFile(path, bytes, { mode: 0o600 });
        const loaded = await loadClusterSecrets(path, {
          identityFile,
          env: {},
        });
        if (loaded === undefined) {
          return "missing";
        }
        checkSecrets(
          loaded.secrets,
          "homelab",
          new Date("2026-11-20T10:00:00Z"),
        );
        return loaded.encrypted ? "decrypted" : "read";
      },
    };
  },
};

const KUBECONFIG = `apiVersion: v1
kind: Config
clusters:
- cluster: {server: "https://work.example.org:6443"}
  name: work
- cluster: &c
    server: https://cplane:6443
    certificate-authority-data: aGVsbG8=
  name: other
users:
- name: 0123
  user: {token: "yes", exec: null}
contexts:
- context: {cluster: work, user: no}
  name: work
current-context: work
`;

export const KUBECONFIGS: FuzzInput = {
  cases: 250,
  prepare: async (folder) => {
    const access = adminAccess(sampleProject, fixedSecrets());
    const path = join(folder, "config");
    const merged = join(folder, "merged");
    await mergeIntoFile(merged, access, new Date(), {});
    return {
      samples: [
        { bytes: Buffer.from(KUBECONFIG) },
        { bytes: readFileSync(merged) },
      ],
      tokens: [...YAML_TOKENS, "clusters:", "- name: homelab\n", "cluster: *c"],
      extremes: YAML_BOMBS.map((text) => Buffer.from(text)),
      run: async (bytes) => {
        await writeFile(path, bytes);
        const { changed } = await mergeIntoFile(path, access, new Date(), {});
        const again = await mergeIntoFile(path, access, new Date(), {});
        if (again.changed) {
          throw new Error("merging twice changes the file twice");
        }
        return changed ? "merged" : "as it was";
      },
    };
  },
};
