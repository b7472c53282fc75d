// Compares versions of Debian packages. https://www.debian.org/doc/debian-policy/ch-controlfields.html#version

/** A tilde sorts before the end, the end before letters, and letters before everything else. */
const weightAt = (text: string, at: number): number => {
  const character = text[at];
  if (character === undefined || /\d/.test(character)) {
    return 0;
  }
  if (character === "~") {
    return -1;
  }
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 256;
};

const NUMBER = /\d*/y;

const digitsAt = (text: string, at: number): string => {
  NUMBER.lastIndex = at;
  return NUMBER.exec(text)?.[0] ?? "";
};

const compareNumbers = (a: string, b: string): number => {
  const [left, right] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  return left.length === right.length
    ? Number(left > right) - Number(left < right)
    : left.length - right.length;
};

const isDigitAt = (text: string, at: number): boolean =>
  /\d/.test(text[at] ?? "");

const comparePart = (a: string, b: string): number => {
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    while (
      (i < a.length && !isDigitAt(a, i)) ||
      (j < b.length && !isDigitAt(b, j))
    ) {
      const difference = weightAt(a, i) - weightAt(b, j);
      if (difference !== 0) {
        return difference;
      }
      i += 1;
      j += 1;
    }
    const [left, right] = [digitsAt(a, i), digitsAt(b, j)];
    const difference = compareNumbers(left, right);
    if (difference !== 0) {
      return difference;
    }
    i += left.length;
    j += right.length;
  }
  return 0;
};

const versionParts = (version: string) => {
  const colon = version.indexOf(":");
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf("-");
  return {
    epoch: colon < 0 ? "0" : version.slice(0, colon),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? "" : rest.slice(dash + 1),
  };
};

/** Negative where `a` is older than `b`. */
export const compareDebVersions = (a: string, b: string): number => {
  const [left, right] = [versionParts(a), versionParts(b)];
  return (
    compareNumbers(left.epoch, right.epoch) ||
    comparePart(left.upstream, right.upstream) ||
    comparePart(left.revision, right.revision)
  );
};
