// What kind of terminal people look at.

/** A terminal that knows no escape sequences, such as that of an editor; also chosen by people who use a screen reader. */
export const isDumb = (env: NodeJS.ProcessEnv): boolean =>
  env["TERM"] === "dumb";

/** Whether lines may be drawn again in place: on a terminal that can, and not in the log of a CI job. */
export const canRedraw = (
  env: NodeJS.ProcessEnv,
  stream: { readonly isTTY?: boolean },
): boolean => stream.isTTY === true && (env["CI"] ?? "") === "" && !isDumb(env);

/** `--no-color` and NO_COLOR win over FORCE_COLOR, which wins over what the terminal can do. https://no-color.org */
export const wantsColor = (
  chosen: boolean | undefined,
  env: NodeJS.ProcessEnv,
  stream: { readonly isTTY?: boolean },
): boolean =>
  chosen !== false &&
  (env["NO_COLOR"] ?? "") === "" &&
  ((env["FORCE_COLOR"] ?? "") !== "" ||
    (stream.isTTY === true && !isDumb(env)));
