// The one place where programs are started, so that none of them has more rights than it needs. A test forbids any other place.
//
// Where this process is root for somebody else, a child runs as that caller in every respect (real, effective, saved; groups
// are this process's, which are the caller's), can gain no capability, and gets no more from a setuid program. A program that
// works on a device runs as root only when it is started with `asRoot`.
import {
  type ChildProcess,
  type ChildProcessWithoutNullStreams,
  spawn,
  type SpawnOptions,
  spawnSync,
} from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { ifSystem } from "../../report/expected-failure.ts";
import type { Caller } from "./caller.ts";
import { childEnvironment } from "./child-environment.ts";
import { outlivesTerminal } from "./hang-up.ts";
import { actingFor } from "./privileges.ts";

/** Folders that only root writes to: what is run as root comes from nowhere else, whatever the caller's PATH says. */
const ROOTS_PATH = [
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
  "/run/current-system/sw/bin",
];

const findIn = (
  folders: readonly string[],
  program: string,
): string | undefined =>
  folders
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch (error) {
        return ifSystem(error, false);
      }
    });

/** A name that no program has: starting it fails the way a missing program does. */
const NOWHERE = "/nonexistent/pi-image";

const findProgram = (
  tool: string,
  env: NodeJS.ProcessEnv = process.env,
): string | undefined =>
  tool.includes("/")
    ? tool
    : findIn((env["PATH"] ?? "").split(":").filter(Boolean), tool);

/** How setpriv makes a program the caller; a container may not be allowed the part about capabilities. */
const rightsWords = (
  { uid, gid }: Caller,
  capabilities: readonly string[],
): readonly string[] => [
  `--reuid=${uid}`,
  `--regid=${gid}`,
  "--keep-groups",
  "--no-new-privs",
  ...capabilities,
  "--",
];

const NO_CAPABILITIES = ["--inh-caps=-all", "--bounding-set=-all"];

let wrapper: { readonly words: readonly string[] | undefined } | undefined;

/** The setpriv of util-linux, which Debian, Ubuntu, Fedora and Arch always have; BusyBox's knows no users, macOS has none. */
const findSetpriv = (caller: Caller): readonly string[] | undefined => {
  if (wrapper === undefined) {
    const path = findIn(ROOTS_PATH, "setpriv");
    const ways =
      path === undefined
        ? []
        : [NO_CAPABILITIES, []].map((capabilities) => [
            path,
            ...rightsWords(caller, capabilities),
          ]);
    const words = ways.find(
      ([program = "", ...args]) =>
        spawnSync(program, [...args, program, "--version"], {
          stdio: "ignore",
          env: {},
        }).status === 0,
    );
    wrapper = { words };
  }
  return wrapper.words;
};

type StartOptions = SpawnOptions & {
  /** Stay root under sudo; for programs that touch a device. */
  readonly asRoot?: boolean | undefined;
  /** For pi-image itself, which keeps what was given to it in confidence. */
  readonly ourselves?: boolean | undefined;
  /** For a command of the user's own, which keeps variables that are options of programs. */
  readonly usersOwn?: boolean | undefined;
};

const startWithCallersRights = (
  caller: Caller,
  tool: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess => {
  const program = findProgram(tool, options.env);
  if (program === undefined) {
    return spawn(NOWHERE, args, options);
  }
  const [setpriv, ...words] = findSetpriv(caller) ?? [];
  const { uid, gid } = caller;
  return setpriv === undefined
    ? spawn(program, args, { ...options, uid, gid })
    : spawn(setpriv, [...words, program, ...args], options);
};

/** Like `spawn`; a program that is missing gives the same ENOENT. */
export function startProgram(
  tool: string,
  args: readonly string[],
  options: StartOptions & { readonly stdio: ["pipe", "pipe", "pipe"] },
): ChildProcessWithoutNullStreams;
export function startProgram(
  tool: string,
  args: readonly string[],
  options: StartOptions,
): ChildProcess;
export function startProgram(
  tool: string,
  args: readonly string[],
  {
    asRoot = false,
    ourselves = false,
    usersOwn = false,
    ...given
  }: StartOptions,
): ChildProcess {
  const env = given.env ?? process.env;
  const options = {
    // A terminal that goes away signals a group of processes. Where that does not end this process, it must not end our tools
    // either, and Node starts them so that SIGHUP would. Whatever else stops this process stops them as usual.
    detached: outlivesTerminal && !ourselves,
    ...given,
    env: ourselves ? env : childEnvironment(env, usersOwn ? "kept" : "dropped"),
  };
  const caller = actingFor();
  if (caller === undefined) {
    return spawn(tool, args, options);
  }
  if (!asRoot) {
    return startWithCallersRights(caller, tool, args, options);
  }
  const program = tool.includes("/") ? tool : findIn(ROOTS_PATH, tool);
  return spawn(program ?? NOWHERE, args, options);
}

/** Under sudo, what a program that runs as root gets of the caller's environment: nothing. */
export const rootEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  actingFor() !== undefined
    ? { LC_ALL: "C.UTF-8", PATH: ROOTS_PATH.join(":") }
    : env;

/** Asks id(1) about a user. */
export const askId = (option: string, user: string): string | undefined => {
  const id = findIn(ROOTS_PATH, "id");
  if (id === undefined) {
    return undefined;
  }
  const { status, stdout } = spawnSync(id, [option, "--", user], {
    encoding: "utf8",
    env: { LC_ALL: "C" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  return status === 0 ? stdout.trim() : undefined;
};
