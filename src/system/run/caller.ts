// Who is behind sudo, doas or pkexec: each says it in variables of its own.
import { userInfo } from "node:os";
import { ifOneOf } from "../../report/expected-failure.ts";
import { UserError } from "../../report/user-error.ts";

declare global {
  namespace NodeJS {
    interface Process {
      /** @types/node does not know it. https://nodejs.org/api/process.html#processinitgroupsuser-extragroup */
      readonly initgroups?: (user: string, extraGroup: number) => void;
    }
  }
}

export type Caller = {
  readonly uid: number;
  readonly gid: number;
  /** For the supplementary groups; undefined where the system knows no name. */
  readonly name: string | undefined;
};

/** What id(1) prints, or undefined where it knows no such user. */
export type AskId = (option: string, user: string) => string | undefined;

const unclear = (variable: string, message: string): UserError =>
  new UserError("CALLER_UNKNOWN", message, {
    state: "nothing was done, because it would have been done as root",
    hint: `run pi-image with sudo, or remove ${variable} from root's environment`,
  });

const unknown = (variable: string, value: string): UserError =>
  unclear(
    variable,
    `${variable} is "${value}", which is not a user of this system`,
  );

const idOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1
    ? Number(text)
    : undefined;

/** The variable that says who called, and the one that says their group: doas has a name only, pkexec a number only. */
const VARIABLES = [
  { user: "SUDO_UID", group: "SUDO_GID" },
  { user: "DOAS_USER", group: undefined },
  { user: "PKEXEC_UID", group: undefined },
] as const;

/** sudo says twice who called: where the two differ, something else has set one of them. */
const demandOneUser = (
  uid: number,
  env: NodeJS.ProcessEnv,
  askId: AskId,
): void => {
  const name = env["SUDO_USER"] ?? "";
  const named = name === "" ? undefined : idOf(askId("-u", name));
  if (named !== undefined && named !== uid) {
    throw unclear(
      "SUDO_USER",
      `SUDO_USER is "${name}" and SUDO_UID is "${uid}", which are two users`,
    );
  }
};

/**
 * Undefined for everybody who is not root, and for root's own sudo.
 * @throws UserError CALLER_UNKNOWN, because an unknown caller must not be taken for root
 */
export const callerOf = (
  env: NodeJS.ProcessEnv,
  askId: AskId,
): Caller | undefined => {
  if (process.getuid?.() !== 0) {
    return undefined;
  }
  for (const { user, group } of VARIABLES) {
    const value = env[user];
    if (value === undefined || value === "") {
      continue;
    }
    const isName = user === "DOAS_USER";
    const uid = idOf(isName ? askId("-u", value) : value);
    if (uid === undefined) {
      throw unknown(user, value);
    }
    if (user === "SUDO_UID") {
      demandOneUser(uid, env, askId);
    }
    if (uid === 0) {
      continue;
    }
    const said = group === undefined ? undefined : env[group];
    const gid = idOf(said ?? askId("-g", value));
    if (gid === undefined) {
      throw group === undefined || said === undefined
        ? unknown(user, value)
        : unknown(group, said);
    }
    return { uid, gid, name: isName ? value : askId("-un", value) };
  }
  return undefined;
};

/** The home of whoever this process is now; undefined for a user without an entry. */
export const homeOfUser = (): string | undefined => {
  try {
    return userInfo().homedir;
  } catch (error) {
    return ifOneOf(error, ["ERR_SYSTEM_ERROR", "ENOENT"], undefined);
  }
};
