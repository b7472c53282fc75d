import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { publicKeyHash } from "../../src/kubernetes/certificate.ts";
import type { ClusterSecrets } from "../../src/kubernetes/cluster-secrets.ts";
import { loadSecrets, secretsPath } from "../../src/kubernetes/load-secrets.ts";
import { makeClusterSecrets } from "../../src/kubernetes/make-cluster-secrets.ts";
import {
  parseSecretsDocument,
  writeSecretsDocument,
} from "../../src/kubernetes/secrets-document.ts";
import {
  keepSecrets,
  rotateSecrets,
  type StoreOptions,
} from "../../src/kubernetes/store-secrets.ts";
import { UserError } from "../../src/report/user-error.ts";
import { runTool, tryTool } from "../../src/system/run-tool.ts";
import { describeAsRoot, describeWithTools } from "../support/tools.ts";
import { temporaryFolder } from "./folder.ts";
import { hiddenTexts } from "./hidden-texts.ts";
import { homelab, inDays, making, node, withNodes } from "./project.ts";

let secrets: ClusterSecrets;
let plain: string;

beforeAll(async () => {
  secrets = await makeClusterSecrets(homelab, making);
  plain = writeSecretsDocument({ secrets, encryptedTo: [] });
});

const NAME = "homelab.secrets.yaml";
const modeOf = (file: string): number => statSync(file).mode & 0o777;
const fileIn = (folder: string): string => join(folder, NAME);

const laid = (text = plain, mode = 0o600): string => {
  const file = fileIn(temporaryFolder());
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
};

const keep = (file: string, options?: StoreOptions) =>
  keepSecrets(file, homelab, making, options);

const errorOf = async (run: () => Promise<unknown>): Promise<UserError> => {
  try {
    await run();
  } catch (error) {
    if (error instanceof UserError) {
      return error;
    }
    throw error;
  }
  throw new Error("no error");
};

const expectNoSecretIn = (value: unknown): void => {
  const printed = `${inspect(value, { depth: 9, showHidden: true })}${JSON.stringify(value)}`;
  for (const text of hiddenTexts(secrets)) {
    expect(printed).not.toContain(text);
  }
};

describe("a new secrets file", () => {
  it("stands beside the inventory, for its owner alone, and alone", async () => {
    const folder = temporaryFolder();
    const file = secretsPath(join(folder, "cluster.yaml"), "homelab");
    const made = await keep(file);
    expect(made.changes).toEqual(["Made the secrets of the cluster homelab."]);
    expect(readdirSync(folder)).toEqual([NAME]);
    expect(modeOf(file)).toBe(0o600);
    expect(readFileSync(file, "utf8")).toMatch(
      /^# The secrets of the cluster homelab[^]+\nversion: 1\ncluster: homelab\nca:\n {2}certificate: \|\n {4}-----BEGIN CERTIFICATE-----\n/,
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
    const loaded = await loadSecrets(file);
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
    const loaded = await loadSecrets(file);
    expect(loaded?.secrets.bootstrapToken.reveal()).not.toBe(
      secrets.bootstrapToken.reveal(),
    );
    const missing = join(temporaryFolder(), "none.yaml");
    const error = await errorOf(() => rotateSecrets(missing, homelab, making));
    expect(error.code).toBe("SECRETS_UNREADABLE");
    expect(existsSync(missing)).toBe(false);
  });
});

describe("an existing secrets file", () => {
  it.each([0o640, 0o604, 0o660, 0o644])(
    "is refused with mode %o",
    async (mode) => {
      const file = laid(plain, mode);
      const error = await errorOf(() => keep(file));
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
    const error = await errorOf(() => keep(link));
    expect(error.code).toBe("SECRETS_UNREADABLE");
    expect(error.hint).toContain("mount the disk");
  });

  it("is not made anew in place of a folder", async () => {
    const file = fileIn(temporaryFolder());
    mkdirSync(file);
    expect((await errorOf(() => keep(file))).code).toBe("SECRETS_UNREADABLE");
  });

  it.each([
    ["is empty", () => "", "it is empty"],
    [
      "is cut short",
      () => plain.slice(0, plain.indexOf("nodes:") - 40),
      "bootstrapToken: is missing or has another form",
    ],
    [
      "has a key that does not belong there",
      () => plain.replace("version: 1", "version: 1\nhunter: 2"),
      "the file: has a key too many",
    ],
    [
      "comes from a later version",
      () => plain.replace("version: 1", "version: 2"),
      "a newer pi-image wrote it (version 2 of the file)",
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
      "its aliases multiply",
    ],
  ])("is refused and kept when it %s", async (_what, make, fact) => {
    const text = make();
    const file = laid(text);
    const error = await errorOf(() => keep(file));
    expect(error.code).toBe("SECRETS_DAMAGED");
    expect(error.facts).toContain(fact);
    expect(error.state).toBe("the file is as it was");
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

describe("runs at the same time", () => {
  const program = fileURLToPath(
    new URL("keep-secrets-program.ts", import.meta.url),
  );

  const start = (file: string) =>
    spawn(process.execPath, ["--import", "tsx", program, file], {
      stdio: ["ignore", "pipe", "inherit"],
    });

  it("share one cluster", async () => {
    const file = fileIn(temporaryFolder());
    const hashes = await Promise.all(
      [1, 2, 3].map(async () => {
        const child = start(file);
        const printed: Buffer[] = [];
        child.stdout.on("data", (data: Buffer) => printed.push(data));
        await once(child, "close");
        return Buffer.concat(printed).toString().trim();
      }),
    );
    const kept = await loadSecrets(file);
    const hash = publicKeyHash(kept?.secrets.ca.certificate ?? "");
    expect(hashes).toEqual([hash, hash, hash]);
    expect(readdirSync(join(file, ".."))).toEqual([NAME]);
  });

  it("add different nodes without losing any", async () => {
    const file = laid();
    const names = ["a1", "b1", "c1", "c2"];
    await Promise.all(
      names.map((name) =>
        keepSecrets(file, withNodes(homelab, node(name, "worker")), making),
      ),
    );
    const loaded = await loadSecrets(file);
    expect(Object.keys(loaded?.secrets.nodes ?? {}).sort()).toEqual([
      ...names,
      "cplane",
      "worker1",
      "worker2",
    ]);
  });

  it("leave nothing that holds up the next one when killed", async () => {
    const folder = temporaryFolder();
    const file = fileIn(folder);
    for (let delay = 250; delay < 700; delay += 90) {
      const child = start(file);
      setTimeout(() => child.kill("SIGKILL"), delay);
      await once(child, "close");
    }
    await keepSecrets(
      file,
      withNodes(homelab, node("worker9", "worker")),
      making,
    );
    expect(readdirSync(folder)).toEqual([NAME]);
  });

  it("clear away what a killed one left", async () => {
    const file = laid();
    const folder = join(file, "..");
    const { pid } = spawnSync("true");
    const left = `.${NAME}.${pid}-0123456789ab.partial`;
    writeFileSync(join(folder, left), plain);
    writeFileSync(join(folder, `.${NAME}.lock`), `${hostname()} ${pid} word`);
    await rotateSecrets(file, homelab, making);
    expect(readdirSync(folder)).toEqual([NAME]);
  });

  it("wait for each other, but not for ever", async () => {
    const file = laid();
    const lock = join(file, "..", `.${NAME}.lock`);
    writeFileSync(lock, "elsewhere 4711 word");
    const project = withNodes(homelab, node("worker9", "worker"));
    const error = await errorOf(() =>
      keepSecrets(file, project, making, { lockSeconds: 0 }),
    );
    expect(error.code).toBe("SECRETS_LOCKED");
    expect(error.message).toBe(
      `another run (process 4711 on elsewhere) is changing ${file}`,
    );
    expect(error.hint).toContain(lock);
    expect(readFileSync(file, "utf8")).toBe(plain);
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

describeWithTools(["age", "age-keygen"], "an encrypted secrets file", () => {
  type Keys = { readonly file: string; readonly recipient: string };

  const ageKeys = async (): Promise<Keys> => {
    const file = join(temporaryFolder(), "age.txt");
    await runTool("age-keygen", ["-o", file]);
    const { stdout } = await runTool("age-keygen", ["-y", file]);
    return { file, recipient: stdout.trim() };
  };

  const encrypted = async (keys: Keys): Promise<string> => {
    const file = laid();
    await keep(file, { encryptTo: [keys.recipient], identityFile: keys.file });
    return file;
  };

  it("is opened by age itself, and lies open for a repository", async () => {
    const keys = await ageKeys();
    const file = await encrypted(keys);
    chmodSync(file, 0o644);
    const text = readFileSync(file, "utf8");
    expect(text).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/);
    const { stdout } = await runTool("age", ["-d", "-i", keys.file, file]);
    expect(stdout).toContain(`encryptedTo:\n  - ${keys.recipient}\n`);
    const again = await keep(file, { identityFile: keys.file });
    expect(again).toMatchObject({ encrypted: true, changes: [] });
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  it("stays encrypted to all when it changes", async () => {
    const [one, two] = [await ageKeys(), await ageKeys()];
    const file = laid();
    await keep(file, { encryptTo: [one.recipient, two.recipient] });
    const before = readFileSync(file, "utf8");
    await keepSecrets(file, homelab, inDays(20), { identityFile: two.file });
    expect(readFileSync(file, "utf8")).not.toBe(before);
    for (const { file: identity } of [one, two]) {
      const { status } = await tryTool("age", ["-d", "-i", identity, file]);
      expect(status).toBe(0);
    }
  });

  it("comes from a plain one on request", async () => {
    const keys = await ageKeys();
    const file = laid();
    const { changes } = await keep(file, { encryptTo: [keys.recipient] });
    expect(changes).toEqual([`Encrypted the file to ${keys.recipient}.`]);
    for (const text of hiddenTexts(secrets)) {
      expect(readFileSync(file, "utf8")).not.toContain(text);
    }
    const loaded = await loadSecrets(file, { identityFile: keys.file });
    expect(hiddenTexts(loaded?.secrets ?? secrets)).toEqual(
      hiddenTexts(secrets),
    );
  });

  it.each(["-a", undefined])(
    "may be one that age has made (%s), but must then be told its recipients",
    async (armor) => {
      const keys = await ageKeys();
      const file = fileIn(temporaryFolder());
      await runTool(
        "age",
        [
          ...(armor === undefined ? [] : [armor]),
          "-r",
          keys.recipient,
          "-o",
          file,
        ],
        { input: plain },
      );
      const identityFile = keys.file;
      expect((await keep(file, { identityFile })).changes).toEqual([]);
      const renew = (encryptTo: readonly string[]) =>
        keepSecrets(file, homelab, inDays(20), { identityFile, encryptTo });
      const error = await errorOf(() => renew([]));
      expect(error.code).toBe("AGE_RECIPIENT_WRONG");
      expect(error.hint).toContain("--encrypt-to");
      expect((await renew([keys.recipient])).changes).toHaveLength(4);
    },
  );

  it("takes its identity from PI_IMAGE_AGE_IDENTITY or the user's configuration", async () => {
    const keys = await ageKeys();
    const file = await encrypted(keys);
    const config = temporaryFolder();
    writeFileSync(join(config, "age.txt"), readFileSync(keys.file, "utf8"));
    for (const env of [
      { PI_IMAGE_AGE_IDENTITY: keys.file },
      { PI_IMAGE_CONFIG_HOME: config },
    ]) {
      const loaded = await loadSecrets(file, { env });
      expect(loaded?.secrets.cluster).toBe("homelab");
    }
  });

  it("is refused without the right identity", async () => {
    const [keys, other] = [await ageKeys(), await ageKeys()];
    const file = await encrypted(keys);
    const text = readFileSync(file, "utf8");
    const none = join(temporaryFolder(), "empty.txt");
    writeFileSync(none, "# nothing here\n");
    const plugin = join(temporaryFolder(), "plugin.txt");
    writeFileSync(plugin, "AGE-PLUGIN-YUBIKEY-1QQQQQQ\n");
    for (const [identityFile, message] of [
      [other.file, "no identity in the identity file opens it"],
      [none, "holds no identity"],
      ["/nowhere/age.txt", "does not exist"],
      [plugin, "has a line that is no identity of age"],
    ] as const) {
      const error = await errorOf(() => keep(file, { identityFile }));
      expect(error.code).toBe("AGE_IDENTITY_UNUSABLE");
      expect(error.message).toContain(message);
      expectNoSecretIn(error);
    }
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  it.each([
    ["the header", (text: string) => text.slice(0, 60)],
    ["the end", (text: string) => text.slice(0, -200)],
    [
      "the middle",
      (text: string) => text.replace(/(?<=^[^]{2000})./, "\u0000"),
    ],
  ])("is refused and kept when %s is damaged", async (_where, damage) => {
    const keys = await ageKeys();
    const file = await encrypted(keys);
    const text = damage(readFileSync(file, "utf8"));
    writeFileSync(file, text);
    const error = await errorOf(() => keep(file, { identityFile: keys.file }));
    expect(error.code).toBe("SECRETS_DAMAGED");
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  it("is not made for a recipient that is none, nor is an identity repeated", async () => {
    const keys = await ageKeys();
    const identity =
      /AGE-SECRET-KEY-\S+/.exec(readFileSync(keys.file, "utf8"))?.[0] ?? "";
    const file = fileIn(temporaryFolder());
    for (const recipient of ["age1xyz", identity]) {
      const error = await errorOf(() => keep(file, { encryptTo: [recipient] }));
      expect(error.code).toBe("AGE_RECIPIENT_WRONG");
      expect(inspect(error)).not.toContain(identity);
    }
    expect(existsSync(file)).toBe(false);
  });
});
