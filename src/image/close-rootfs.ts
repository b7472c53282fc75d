// What keeps a published root file system shut until its owner has moved in: passwords that everybody knows, and the mask of /boot.

/** Locked, without a password, or kept in the other file of the two. passwd(5), shadow(5) */
const SHUT = /^[!*x]/;

/**
 * /etc/shadow or /etc/passwd with every password locked, and also every account that needs none: whoever published them,
 * everybody has them. A key still lets its owner in.
 */
export const lockPasswords = (text: string): string =>
  text.replaceAll(
    /^([^:\n]+):([^:\n]*):/gm,
    (line, name: string, password: string) =>
      SHUT.test(password) ? line : `${name}:!*:`,
  );

/** /etc/fstab with /boot for root only: FAT has no owners, and the mask counts when it is mounted. */
export const closeBoot = (text: string): string =>
  text.replaceAll(
    /^([^#\s]\S*[ \t]+\/boot[ \t]+vfat[ \t]+)(\S+)/gm,
    (line, before: string, options: string) =>
      options.split(",").includes("umask=0077")
        ? line
        : `${before}${options},umask=0077`,
  );
