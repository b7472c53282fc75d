// Reads sizes as people write them.

/** Sizes such as 64GB, 512GiB or 2T, in bytes; SI letters with B are decimal as on the card's label. Undefined for others. */
export const parseBytes = (text: string): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b)?$/i.exec(text);
  const power = "kmgt".indexOf((match?.[2] ?? "").toLowerCase()) + 1;
  const unit = match?.[3]?.toLowerCase() === "b" && power > 0 ? 1000 : 1024;
  const bytes = Number(match?.[1]) * unit ** (match?.[2] === "" ? 0 : power);
  return Number.isFinite(bytes) ? bytes : undefined;
};
