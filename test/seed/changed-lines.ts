// The difference between two lists of lines without places and, where it can be, without context: a line that comes into
// both lists does not change it.

/** Places, in both lists, of the lines of a longest common part. */
export const commonPlaces = (
  from: readonly string[],
  to: readonly string[],
): readonly (readonly [number, number])[] => {
  const longest = Array.from({ length: from.length + 1 }, () =>
    Array.from({ length: to.length + 1 }, () => 0),
  );
  const at = (i: number, j: number): number => longest[i]?.[j] ?? 0;
  for (let i = from.length - 1; i >= 0; i -= 1) {
    for (let j = to.length - 1; j >= 0; j -= 1) {
      (longest[i] ?? [])[j] =
        from[i] === to[j]
          ? at(i + 1, j + 1) + 1
          : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const places: (readonly [number, number])[] = [];
  for (let i = 0, j = 0; i < from.length && j < to.length;) {
    if (from[i] === to[j]) {
      places.push([i, j]);
      i += 1;
      j += 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) {
      i += 1;
    } else {
      j += 1;
    }
  }
  return places;
};

/**
 * `-` and a line that goes: the next such line, counted from the line before in the difference. `+` and a line that comes
 * there. ` ` and a line that stays, only where without it the next one would not be the one that is meant.
 */
export const changedLines = (
  from: readonly string[],
  to: readonly string[],
): readonly string[] => {
  const changes: string[] = [];
  let next = 0;
  const name = (place: number, mark: "-" | " "): void => {
    if (from.indexOf(from[place] ?? "", next) !== place) {
      name(place - 1, " ");
    }
    changes.push(`${mark}${from[place]}`);
    next = place + 1;
  };
  let [old, fresh] = [0, 0];
  const end = [from.length, to.length] as const;
  for (const [i, j] of [...commonPlaces(from, to), end]) {
    for (; old < i; old += 1) {
      name(old, "-");
    }
    if (fresh < j && next < i) {
      name(i - 1, " ");
    }
    changes.push(...to.slice(fresh, j).map((line) => `+${line}`));
    [old, fresh] = [i + 1, j + 1];
  }
  return changes;
};

/** The list `to` that `changedLines(from, to)` was made of. Throws where `from` does not have a line that should be there. */
export const withChangedLines = (
  from: readonly string[],
  changes: readonly string[],
): readonly string[] => {
  const to: string[] = [];
  let next = 0;
  for (const change of changes) {
    const [mark, line] = [change.slice(0, 1), change.slice(1)];
    if (mark === "+") {
      to.push(line);
      continue;
    }
    const place = from.indexOf(line, next);
    if (place === -1 || (mark !== "-" && mark !== " ")) {
      throw new Error(`no place for the line: ${change}`);
    }
    to.push(...from.slice(next, mark === "-" ? place : place + 1));
    next = place + 1;
  }
  return [...to, ...from.slice(next)];
};
