// Shell assignments, as a file that the node's scripts source.

/** Quotes any text as one word for a POSIX shell (except for NUL, which none of our texts contains). */
export const shellWord = (text: string): string =>
  `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** A line `NAME='value'` for each variable; one without a value is empty. */
export const shellAssignments = (
  variables: Readonly<Record<string, string | undefined>>,
): string =>
  Object.entries(variables)
    .map(([name, value]) => `${name}=${shellWord(value ?? "")}\n`)
    .join("");
