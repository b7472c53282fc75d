// Finds the key that signs a release: a file that the user names, or the environment, where CI keeps its secrets.
import { secret, type Secret } from "../report/secret.ts";
import { UserError } from "../report/user-error.ts";
import { readWholeText } from "../system/read-whole.ts";
import { openSigner, type Signer } from "./sign.ts";

export const KEY_VARIABLE = "PI_IMAGE_SIGNING_KEY";
export const PASSPHRASE_VARIABLE = "PI_IMAGE_SIGNING_PASSPHRASE";

type Sources = {
  readonly file: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly now: Date;
};

const valueOf = (env: NodeJS.ProcessEnv, name: string): Secret | undefined => {
  const value = env[name];
  return value === undefined || value === "" ? undefined : secret(value);
};

const readKeyFile = async (file: string): Promise<Secret> => {
  try {
    return secret(await readWholeText(file));
  } catch (cause) {
    throw new UserError(
      "SIGNING_KEY_UNUSABLE",
      `the signing key ${file} cannot be read`,
      {
        facts: cause instanceof Error ? [cause.message] : [],
        state: "nothing was written",
        hint: "name a file with an armored OpenPGP private key",
        cause,
      },
    );
  }
};

/** The signer; undefined where no key is given. Throws SIGNING_KEY_UNUSABLE. */
export const loadSigner = async ({
  file,
  env,
  now,
}: Sources): Promise<Signer | undefined> => {
  const key =
    file === undefined ? valueOf(env, KEY_VARIABLE) : await readKeyFile(file);
  return key === undefined
    ? undefined
    : openSigner({
        key,
        from: file ?? `in ${KEY_VARIABLE}`,
        passphrase: valueOf(env, PASSPHRASE_VARIABLE),
        now,
      });
};
