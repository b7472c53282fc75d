// Edits the kernel's command line: one line of words, ours added or given a new value, the rest as it was.
// https://docs.kernel.org/admin-guide/kernel-parameters.html

/** Parameters that may be given several times, each time with another meaning. */
const REPEATABLE = ["cgroup_enable", "cgroup_disable", "console", "earlycon"];

/** The kernel treats - and _ in parameter names as the same. */
const keyOf = (word: string): string =>
  (word.split("=", 1)[0] ?? "").replaceAll("-", "_");

const isSpace = (piece: string): boolean => piece.trim() === "";

/** Words and the spaces between them; quotes keep spaces in a word. */
const split = (line: string): string[] =>
  line.match(/\s+|(?:[^\s"]|"[^"]*"?)+/g) ?? [];

/** Removes a word together with the space before it, or the space after it at the line's start. */
const removeAt = (pieces: string[], index: number): void => {
  pieces.splice(index === 0 ? 0 : index - 1, 2);
};

const removeAll = (
  pieces: string[],
  wanted: (word: string) => boolean,
): void => {
  for (let index = pieces.length - 1; index >= 0; index -= 1) {
    if (wanted(pieces[index] ?? "")) {
      removeAt(pieces, index);
    }
  }
};

/** Adds the word after the kernel's other words but before `--`, because what follows `--` goes to init. */
const append = (pieces: string[], word: string): void => {
  const toInit = pieces.indexOf("--");
  if (toInit >= 0) {
    pieces.splice(toInit, 0, word, " ");
  } else if (pieces.length === 0 || isSpace(pieces.at(-1) ?? "")) {
    pieces.push(word);
  } else {
    pieces.push(" ", word);
  }
};

const apply = (pieces: string[], word: string): void => {
  const key = keyOf(word);
  if (REPEATABLE.includes(key)) {
    const present = pieces.lastIndexOf(word);
    // The last of cgroup_enable=memory and cgroup_disable=memory wins; the firmware puts the latter in front.
    // https://github.com/raspberrypi/linux/pull/6439
    const undone =
      key === "cgroup_enable" &&
      pieces
        .slice(present + 1)
        .some((piece) => keyOf(piece) === "cgroup_disable");
    if (present >= 0 && !undone) {
      return;
    }
    removeAll(pieces, (piece) => piece === word);
    append(pieces, word);
    return;
  }
  const first = pieces.findIndex((piece) => keyOf(piece) === key);
  if (first < 0) {
    append(pieces, word);
    return;
  }
  pieces[first] = word;
  const kept = pieces.splice(0, first + 1);
  removeAll(pieces, (piece) => keyOf(piece) === key);
  pieces.unshift(...kept);
};

/**
 * The command line with these words, such as "cgroup_enable=memory". A parameter that is already there gets the new value.
 * The firmware reads only one line, so only the first line that is not empty is kept.
 */
export const editCmdline = (text: string, words: readonly string[]): string => {
  const mark = text.startsWith("\ufeff") ? "\ufeff" : "";
  const lines = text.slice(mark.length).split(/\r?\n/);
  const newline = /\r?\n/.exec(text)?.[0] ?? "";
  const pieces = split(lines.find((line) => !isSpace(line)) ?? "");
  for (const word of words) {
    if (!/^[\x21-\x7e]+$/.test(word)) {
      throw new Error(`not a kernel parameter: ${JSON.stringify(word)}`);
    }
    apply(pieces, word);
  }
  return mark + pieces.join("") + newline;
};
