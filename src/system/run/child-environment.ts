// Which part of our environment the programs that we start get: nothing that was given to pi-image in confidence.

/** All of our own variables: no other program needs one, and some are keys or passphrases, or lead to them. */
const OWN = /^PI_IMAGE_/;

/** Never hidden: an inventory may say `env:PATH`, and without PATH no program would be found any more. */
const NEEDED =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|PWD|TMPDIR|TERM|TZ|LANG|LC_\w+|XDG_\w+)$/;

/** Variables that add options, limits, settings or start files to a program, and so would change what it does and writes. */
const OPTIONS =
  /^(?:XZ_(?:OPT|DEFAULTS)|ZSTD_\w+|GZIP|BZIP2?|TAR_OPTIONS|GREP_OPTIONS|MKE2FS_\w+|E2FSPROGS_(?!FAKE_TIME$)\w+|DEBUGFS_PAGER|GIT_(?!OPTIONAL_LOCKS$|LITERAL_PATHSPECS$|ALLOW_PROTOCOL$|NO_LAZY_FETCH$)\w+|BASH_ENV|ENV|SHELLOPTS|BASHOPTS|BASH_FUNC_.*|POSIXLY_CORRECT)$/;

const hidden = new Set<string>();

/** From now on no program gets this variable: the inventory says that a secret is in it. */
export const hideVariable = (name: string): void => {
  if (!NEEDED.test(name)) {
    hidden.add(name);
  }
};

/** @param options whether variables that are options of programs are kept, as they are for the user's own commands */
export const childEnvironment = (
  env: NodeJS.ProcessEnv,
  options: "kept" | "dropped" = "dropped",
): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(env).filter(
      ([name]) =>
        !OWN.test(name) &&
        !hidden.has(name) &&
        (options === "kept" || !OPTIONS.test(name)),
    ),
  );
