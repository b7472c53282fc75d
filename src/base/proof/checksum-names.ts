// Names of the files beside an image that hold its checksums.

/** What publishers append to a file's name for the list with its checksum alone. */
export const CHECKSUM_ENDINGS = [
  ".sha256",
  ".sha256sum",
  ".sha256.txt",
  ".sha256sum.txt",
  ".sha",
];

/** What they call a list of all files of a folder. */
export const CHECKSUM_LISTS = [
  "SHA256SUMS",
  "SHA256SUMS.txt",
  "sha256sum.txt",
  "CHECKSUM",
];

/** What they append to the name of a file or list for its signature. */
export const SIGNATURE_ENDINGS = [".gpg", ".asc", ".sig"];
