// Reads the kernel's tables of mounts and swap areas.
// https://docs.kernel.org/filesystems/proc.html#proc-pid-mountinfo-information-about-mounts

export type Mount = {
  /** "8:2"; file systems over several devices (btrfs, ZFS) have an anonymous "0:n". */
  readonly number: string;
  readonly at: string;
  readonly fsType: string;
  readonly source: string;
};

/** The kernel writes blanks and backslashes of names as three octal digits. */
const unescape = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCodePoint(Number.parseInt(digits, 8)),
  );

export const parseMountinfo = (text: string): Mount[] =>
  text.split("\n").flatMap((line) => {
    const words = line.split(" ");
    // Optional fields come before the separator, so what follows it has no fixed place.
    const separator = words.indexOf("-", 6);
    const [, , number, , at] = words;
    const [fsType, source] = words.slice(separator + 1);
    return separator < 0 ||
      number === undefined ||
      at === undefined ||
      fsType === undefined ||
      source === undefined
      ? []
      : [{ number, at: unescape(at), fsType, source: unescape(source) }];
  });

/** Paths of the swap areas in /proc/swaps: partitions and files. */
export const parseSwaps = (text: string): string[] =>
  text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [path] = line.split(/\s+/);
      return path === undefined || path === "" ? [] : [unescape(path)];
    });
