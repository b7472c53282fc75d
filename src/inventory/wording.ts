// How messages quote, list and suggest what people wrote.

const QUOTE_LIMIT = 60;

/** A value in quotes, shortened when it is long. */
export const quoted = (value: string): string => {
  const characters = Array.from(value);
  return JSON.stringify(
    characters.length > QUOTE_LIMIT
      ? `${characters.slice(0, QUOTE_LIMIT).join("")}…`
      : value,
  );
};

/** "a", "a and b", "a, b and c". */
export const listed = (
  words: readonly string[],
  conjunction: "and" | "or" = "and",
): string =>
  words.length < 2
    ? words.join("")
    : `${words.slice(0, -1).join(", ")} ${conjunction} ${words.at(-1)}`;

/** Edits (insert, delete, replace, swap of neighbours) that turn one word into the other. */
export const editDistance = (a: string, b: string): number => {
  let older: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(
        (previous[j] ?? 0) + 1,
        (current[j - 1] ?? 0) + 1,
        (previous[j - 1] ?? 0) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (older[j - 2] ?? 0) + 1);
      }
      current.push(best);
    }
    older = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
};

/** The candidate that someone who wrote `word` most likely meant, if one is near enough. */
export const closest = (
  word: string,
  candidates: readonly string[],
): string | undefined => {
  // Mistyped words are short; a long one is no typing error, and the cost of comparing grows with the square of its length.
  if (word.length > 64) {
    return undefined;
  }
  const limit = Math.max(1, Math.floor(word.length / 3));
  const near = candidates
    .map((candidate) => ({
      candidate,
      edits: editDistance(word.toLowerCase(), candidate.toLowerCase()),
    }))
    .filter(({ edits }) => edits <= limit)
    .sort((a, b) => a.edits - b.edits);
  return near[0]?.candidate;
};
