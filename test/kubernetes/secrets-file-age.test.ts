// A secrets file that is encrypted with age.
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { expect, it } from "vitest";
import { loadClusterSecrets } from "../../src/kubernetes/secrets/load-cluster-secrets.ts";
import { keepSecrets } from "../../src/kubernetes/secrets/store-secrets.ts";
import { runTool, tryTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import { failureOf } from "../support/failure.ts";
import { temporaryFolder } from "./folder.ts";
import { hiddenTexts } from "./hidden-texts.ts";
import { homelab, inDays } from "./project.ts";
import {
  secrets,
  plain,
  fileIn,
  laid,
  keep,
  expectNoSecretIn,
} from "./sample-secrets.ts";

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
    const loaded = await loadClusterSecrets(file, { identityFile: keys.file });
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
      const error = await failureOf(renew([]));
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
      const loaded = await loadClusterSecrets(file, { env });
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
      [plugin, "has a line that is not an identity of age"],
    ] as const) {
      const error = await failureOf(keep(file, { identityFile }));
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
    const error = await failureOf(keep(file, { identityFile: keys.file }));
    expect(error.code).toBe("SECRETS_DAMAGED");
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  it("is not made for a recipient that is none, nor is an identity repeated", async () => {
    const keys = await ageKeys();
    const identity =
      /AGE-SECRET-KEY-\S+/.exec(readFileSync(keys.file, "utf8"))?.[0] ?? "";
    const file = fileIn(temporaryFolder());
    for (const recipient of ["age1xyz", identity]) {
      const error = await failureOf(keep(file, { encryptTo: [recipient] }));
      expect(error.code).toBe("AGE_RECIPIENT_WRONG");
      expect(inspect(error)).not.toContain(identity);
    }
    expect(existsSync(file)).toBe(false);
  });
});
