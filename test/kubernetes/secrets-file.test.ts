// The secrets file beside the inventory: made once, kept as it is, refused where it is damaged or others can read it.
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  loadClusterSecrets,
  secretsPath,
} from "../../src/kubernetes/secrets/load-cluster-secrets.ts";
import {
  parseSecretsDocument,
  writeSecretsDocument,
} from "../../src/kubernetes/secrets/secrets-document.ts";
import {
  keepSecrets,
  rotateSecrets,
} from "../../src/kubernetes/secrets/store-secrets.ts";
import { UserError } from "../../src/report/user-error.ts";
import { describeAsRoot } from "../support/tools.ts";
import { failureOf } from "../support/failure.ts";
import { temporaryFolder } from "./folder.ts";
import { hiddenTexts } from "./hidden-texts.ts";
import { homelab, making, node, withNodes } from "./project.ts";
import {
  secrets,
  plain,
  NAME,
  modeOf,
  fileIn,
  laid,
  keep,
  expectNoSecretIn,
} from "./sample-secrets.ts";
import { fc } from "../support/seeded.ts";

describe("a new secrets file", () => {
  it("stands beside the inventory, for its owner alone, and alone", async () => {
    const folder = temporaryFolder();
    const file = secretsPath(join(folder, "cluster.yaml"), "homelab");
    const made = await keep(file);
    expect(made.changes).toEqual(["Made the secrets of the cluster homelab."]);
    expect(readdirSync(folder)).toEqual([NAME]);
    expect(modeOf(file)).toBe(0o600);
    expect(readFileSync(file, "utf8")).toMatch(
      /^# The secrets of the cluster homelab[^]+\nversion: 2\ncluster: homelab\nca:\n {2}certificate: \|\n {4}-----BEGIN CERTIFICATE-----\n/,
    );
  });

  it("is reused byte for byte, and gives back what was made", async () => {
    const file = fileIn(temporaryFolder());
    const made = await keep(file);
    const text = readFileSync(file, "utf8");
    const again = await keep(file);
    expect(again.changes).toEqual([]);
    expect(readFileSync(file, "utf8")).toBe(text);
    expect(hiddenTexts(again.secrets)).toEqual(hiddenTexts(made.secrets));
  });

  it("needs no right to write when nothing changes", async () => {
    const file = laid();
    chmodSync(join(file, ".."), 0o500);
    const { changes } = await keep(file);
    chmodSync(join(file, ".."), 0o700);
    expect(changes).toEqual([]);
  });

  it("survives a change with its mode and its other nodes", async () => {
    const file = laid();
    const project = withNodes(homelab, node("worker9", "worker"));
    const { changes } = await keepSecrets(file, project, making);
    expect(changes).toHaveLength(1);
    expect(modeOf(file)).toBe(0o600);
    const loaded = await loadClusterSecrets(file);
    expect(Object.keys(loaded?.secrets.nodes ?? {})).toEqual([
      "cplane",
      "worker1",
      "worker2",
      "worker9",
    ]);
  });

  it("is rotated in place, but not made by it", async () => {
    const file = laid();
    const { changes } = await rotateSecrets(file, homelab, making);
    expect(changes).toHaveLength(5);
    const loaded = await loadClusterSecrets(file);
    expect(loaded?.secrets.bootstrapToken.reveal()).not.toBe(
      secrets.bootstrapToken.reveal(),
    );
    const missing = join(temporaryFolder(), "none.yaml");
    const error = await failureOf(rotateSecrets(missing, homelab, making));
    expect(error.code).toBe("SECRETS_UNREADABLE");
    expect(existsSync(missing)).toBe(false);
  });
});

describe("an existing secrets file", () => {
  it.each([0o640, 0o604, 0o660, 0o644])(
    "is refused with mode %o",
    async (mode) => {
      const file = laid(plain, mode);
      const error = await failureOf(keep(file));
      expect(error.code).toBe("SECRETS_READABLE");
      expect(error.exitCode).toBe(2);
      expect(error.hint).toBe(`run: chmod 600 ${file}`);
      expect(error.message).toContain(`(mode 0${mode.toString(8)})`);
    },
  );

  it("is written through a symbolic link", async () => {
    const vault = laid();
    const link = fileIn(temporaryFolder());
    symlinkSync(vault, link);
    const project = withNodes(homelab, node("worker9", "worker"));
    await keepSecrets(link, project, making);
    expect(readFileSync(vault, "utf8")).toContain("worker9");
    expect(readFileSync(link, "utf8")).toBe(readFileSync(vault, "utf8"));
    expect(statSync(vault).isFile()).toBe(true);
  });

  it("is not made anew while the disk that a link leads to is missing", async () => {
    const link = fileIn(temporaryFolder());
    symlinkSync("/nowhere/homelab.secrets.yaml", link);
    const error = await failureOf(keep(link));
    expect(error.code).toBe("SECRETS_UNREADABLE");
    expect(error.hint).toContain("mount the disk");
  });

  it("is not made anew in place of a folder", async () => {
    const file = fileIn(temporaryFolder());
    mkdirSync(file);
    expect((await failureOf(keep(file))).code).toBe("SECRETS_UNREADABLE");
  });

  it.each([
    ["is empty", () => "", "it is empty"],
    [
      "is cut short",
      () => plain.slice(0, plain.indexOf("bootstrapToken:") + 30),
      "bootstrapToken: is missing or malformed",
    ],
    [
      "has a key that does not belong there",
      () => plain.replace("version: 2", "version: 2\nhunter: 2"),
      "the file: has an unknown key",
    ],
    [
      "comes from a later version",
      () => plain.replace("version: 2", "version: 4"),
      "a newer pi-image wrote it (version 4 of the file)",
    ],
    ["is not YAML", () => "cluster: [", "line 1 is not valid YAML"],
    [
      "multiplies aliases",
      () =>
        `a: &a [1,1,1,1,1,1,1,1,1,1]\n${["b", "c", "d", "e"]
          .map(
            (name, at) =>
              `${name}: &${name} [${Array.from({ length: 10 }, () => `*${"abcd"[at]}`).join(",")}]`,
          )
          .join("\n")}\n`,
      "its aliases expand without limit",
    ],
  ])("is refused and kept when it %s", async (_what, make, fact) => {
    const text = make();
    const file = laid(text);
    const error = await failureOf(keep(file));
    expect(error.code).toBe("SECRETS_DAMAGED");
    expect(error.facts).toContain(fact);
    expect(error.state).toBe("the file is unchanged");
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  it("keeps its secrets to itself, whatever damage it has", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: plain.length - 2 }),
        fc.integer({ min: 0, max: 400 }),
        fc.constantFrom("", ":", "'", "\t", "\n", "[", "&a ", "\u0000", "x"),
        async (at, length, junk) => {
          const text = plain.slice(0, at) + junk + plain.slice(at + length);
          const file = laid(text);
          try {
            await keep(file);
          } catch (error) {
            expect(error).toBeInstanceOf(UserError);
            expectNoSecretIn(error);
            expect(readFileSync(file, "utf8")).toBe(text);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("reads what it writes", () => {
    const document = parseSecretsDocument(plain, NAME);
    expect(writeSecretsDocument(document)).toBe(plain);
    expectNoSecretIn(document);
  });
});

describeAsRoot([], "under sudo", () => {
  const sudo = { SUDO_UID: "1000", SUDO_GID: "1000" };

  it("belongs to the person who called", async () => {
    const file = fileIn(temporaryFolder());
    await keep(file, { env: sudo });
    expect(statSync(file)).toMatchObject({ uid: 1000, gid: 1000 });
    expect(modeOf(file)).toBe(0o600);
  });

  it("keeps the owner it has", async () => {
    const file = laid();
    chownSync(file, 1234, 1234);
    const project = withNodes(homelab, node("worker9", "worker"));
    await keepSecrets(file, project, making, { env: sudo });
    expect(statSync(file)).toMatchObject({ uid: 1234, gid: 1234 });
  });
});
