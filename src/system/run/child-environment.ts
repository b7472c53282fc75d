// What of this process's environment a program gets that it starts: nothing that was given to pi-image in confidence.

/** Ours, all of them: no other program needs one, and some are keys, passphrases or lead to them. */
const OWN = /^PI_IMAGE_/;

/** An inventory may say `env:PATH`; no program would be found any more. */
const NEEDED =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|PWD|TMPDIR|TERM|TZ|LANG|LC_\w+|XDG_\w+)$/;

const hidden = new Set<string>();

/** From now on no program gets this variable: the inventory says that a secret is in it. */
export const hideVariable = (name: string): void => {
  if (!NEEDED.test(name)) {
    hidden.add(name);
  }
};

export const childEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => !OWN.test(name) && !hidden.has(name),
    ),
  );
