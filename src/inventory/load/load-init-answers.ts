// What `pi-image init --yes` finds on this machine: the user's name and public key.
import { homedir, userInfo } from "node:os";
import { join } from "node:path";
import { ifOneOf } from "../../report/expected-failure.ts";
import { defaultAnswers } from "../implied-inventory.ts";
import type { InitAnswers } from "../init-template.ts";
import { loadText } from "./load-text.ts";
import { parsePublicKeys } from "../rules/ssh-keys.ts";

/** Names of key files, in the order in which ssh prefers them. */
const KEY_FILES = ["id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub"];

const KEY_LIMIT = 64 * 1024;

/** The name of the user who runs this; undefined where the system has none, as in a bare container. */
const currentUser = (): string | undefined => {
  try {
    return userInfo().username;
  } catch (error) {
    return ifOneOf(error, ["ERR_SYSTEM_ERROR", "ENOENT"], undefined);
  }
};

/** The answers, with the first usable public key of ~/.ssh as a reference; without keys where there is none. */
export const loadInitAnswers = async (
  home: string = homedir(),
  userName: string | undefined = currentUser(),
): Promise<InitAnswers> => {
  for (const name of KEY_FILES) {
    const file = await loadText(join(home, ".ssh", name), KEY_LIMIT);
    // A key that cannot be read is named as well: `check` then says why, and no other key silently takes its place.
    const usable =
      file.text === undefined
        ? !file.missing
        : parsePublicKeys(file.text).problem === undefined;
    if (usable) {
      return defaultAnswers(userName, [`file:~/.ssh/${name}`]);
    }
  }
  return defaultAnswers(userName, []);
};
