// Runs a program of the operating system and explains its failure with a command that people can repeat.
import { UserError } from "../../report/user-error.ts";
import { rootEnvironment, startProgram } from "./start-program.ts";

/** Debian keeps fsck, mkfs and losetup here, outside an ordinary user's PATH. */
const SBIN = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

export const toolEnvironment = (
  env: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv => {
  const path = (env["PATH"] ?? "").split(":").filter((part) => part !== "");
  return {
    ...env,
    LC_ALL: "C.UTF-8",
    PATH: [...new Set([...path, ...SBIN])].join(":"),
  };
};

type RunOptions = {
  readonly input?: string | Uint8Array | undefined;
  /** Debian package that has the tool, for the hint when it is missing. */
  readonly package?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly cwd?: string | undefined;
  /** Added to the environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Stay root under sudo; for programs that touch a device. */
  readonly asRoot?: boolean | undefined;
  /** For a command of the user's own, which keeps variables that are options of programs. */
  readonly usersOwn?: boolean | undefined;
};

export type ToolResult = {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
};

/** Words as a shell takes them, for messages that people paste. */
export const commandLine = (tool: string, args: readonly string[]): string =>
  [tool, ...args]
    .map((word) =>
      /^[\w@%+=:,./-]+$/.test(word)
        ? word
        : `'${word.replaceAll("'", String.raw`'\''`)}'`,
    )
    .join(" ");

export const toolMissing = (
  tool: string,
  debianPackage: string | undefined,
): UserError =>
  new UserError("TOOL_MISSING", `${tool} is not installed`, {
    hint:
      debianPackage === undefined
        ? `install ${tool} and run the command again`
        : `install it, for example: sudo apt-get install ${debianPackage}`,
  });

/** Runs a tool to its end, whatever its status; throws only when it cannot be started. */
export const tryTool = (
  tool: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<ToolResult> =>
  new Promise((resolve, reject) => {
    const asRoot = options.asRoot === true;
    const env = { ...toolEnvironment(), ...options.env };
    const child = startProgram(tool, args, {
      asRoot,
      usersOwn: options.usersOwn,
      env: asRoot ? rootEnvironment(env) : env,
      stdio: ["pipe", "pipe", "pipe"],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.on("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "ENOENT" ? toolMissing(tool, options.package) : error,
      );
    });
    child.on("close", (status) => {
      resolve({
        status: status ?? 128,
        stdout: Buffer.concat(stdout).toString("utf8"),
        stderr: Buffer.concat(stderr).toString("utf8"),
      });
    });
    // A tool that ends without reading its input is judged by its status.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input);
  });

/** Runs a tool and returns what it printed; a status other than 0 is an error with the command to paste. */
export const runTool = async (
  tool: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<ToolResult> => {
  const result = await tryTool(tool, args, options);
  if (result.status === 0) {
    return result;
  }
  throw new UserError(
    "TOOL_FAILED",
    `${tool} ended with status ${result.status}`,
    {
      facts: result.stderr.trim().split("\n").slice(-8),
      hint: `to see it again, run: ${commandLine(tool, args)}`,
    },
  );
};
