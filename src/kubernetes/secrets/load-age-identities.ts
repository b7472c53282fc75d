// Reads the age identities with which an encrypted secrets file is opened.
import { join } from "node:path";
import { errorCode } from "../../report/expected-failure.ts";
import { secret, type Secret } from "../../report/secret.ts";
import { UserError } from "../../report/user-error.ts";
import { configFolder } from "../../system/folders.ts";
import { errnoReason } from "../../system/errno-words.ts";
import { readWholeText } from "../../system/read-whole.ts";

/** The file that the user chose, else PI_IMAGE_AGE_IDENTITY, else ~/.config/pi-image/age.txt. */
export const ageIdentityFile = (
  chosen: string | undefined,
  env: NodeJS.ProcessEnv,
): string => {
  const fromEnv = env["PI_IMAGE_AGE_IDENTITY"];
  return (
    chosen ??
    (fromEnv === undefined || fromEnv === ""
      ? join(configFolder(env), "age.txt")
      : fromEnv)
  );
};

/**
 * The identities in the form of age-keygen: one a line, comments after #.
 *
 * @throws UserError AGE_IDENTITY_UNUSABLE
 */
export const loadAgeIdentities = async (
  chosen: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Promise<readonly Secret[]> => {
  const file = ageIdentityFile(chosen, env);
  const refuse = (why: string): UserError =>
    new UserError(
      "AGE_IDENTITY_UNUSABLE",
      `the secrets file is encrypted, and the identity file ${file} ${why}`,
      {
        hint: "name the right file by --identity FILE or PI_IMAGE_AGE_IDENTITY; under sudo, ~ is root's home",
      },
    );
  let text: string;
  try {
    text = await readWholeText(file);
  } catch (error) {
    const code = errorCode(error);
    throw refuse(
      code === "ENOENT"
        ? "does not exist"
        : `cannot be read: ${errnoReason(code)}`,
    );
  }
  const identities = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (identities.length === 0) {
    throw refuse("holds no identity");
  }
  return identities.map((line) => secret(line));
};
