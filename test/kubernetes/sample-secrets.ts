// A secrets file of the cluster homelab, laid into a folder of its own, and what must not show from it.
import { chmodSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { expect } from "vitest";
import { makeClusterSecrets } from "../../src/kubernetes/secrets/make-cluster-secrets.ts";
import { writeSecretsDocument } from "../../src/kubernetes/secrets/secrets-document.ts";
import {
  keepSecrets,
  type StoreOptions,
} from "../../src/kubernetes/secrets/store-secrets.ts";
import { temporaryFolder } from "./folder.ts";
import { hiddenTexts } from "./hidden-texts.ts";
import { homelab, making } from "./project.ts";

/** Made once for all tests of a file. */
export const secrets = await makeClusterSecrets(homelab, making);

/** As they stand in an unencrypted file. */
export const plain = writeSecretsDocument({ secrets, encryptedTo: [] });

export const NAME = "homelab.secrets.yaml";
export const modeOf = (file: string): number => statSync(file).mode & 0o777;
export const fileIn = (folder: string): string => join(folder, NAME);

/** A folder with a secrets file; gives the path of the file. */
export const laid = (text = plain, mode = 0o600): string => {
  const file = fileIn(temporaryFolder());
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
};

export const keep = (file: string, options?: StoreOptions) =>
  keepSecrets(file, homelab, making, options);

export const expectNoSecretIn = (value: unknown): void => {
  const printed = `${inspect(value, { depth: 9, showHidden: true })}${JSON.stringify(value)}`;
  for (const text of hiddenTexts(secrets)) {
    expect(printed).not.toContain(text);
  }
};
