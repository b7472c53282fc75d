// What a person wants to know of a file system before it is overwritten.

export type FileSystemFacts = {
  /** Such as "FAT32", "ext4" or "a LUKS container". */
  readonly name: string;
  readonly label: string | undefined;
  /** Bytes; undefined where it cannot be told quickly. */
  readonly used: number | undefined;
  /** The time of the newest file, or of the last change to anything. */
  readonly newest: Date | undefined;
  /** It holds no files. */
  readonly empty: boolean;
  /** Whose card this is, when pi-image wrote it earlier. */
  readonly ours?: CardOwner | undefined;
};

/** What a card's pi-image.json says about it; undefined for what it does not say. */
export type CardOwner = {
  readonly node: string | undefined;
  readonly cluster: string | undefined;
  /** Differs between two builds that cloud-init would treat differently. */
  readonly instanceId: string | undefined;
};

/** A label read from the medium, which may hold anything, made fit for a terminal. */
export const factText = (raw: string): string | undefined => {
  const text = raw
    .replace(/\0[^]*$/, "")
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?")
    .trim();
  return text === "" || text === "NO NAME" ? undefined : text;
};

export const latestOf = (
  one: Date | undefined,
  other: Date | undefined,
): Date | undefined =>
  one === undefined || (other !== undefined && other > one) ? other : one;
