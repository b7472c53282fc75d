// What keeps a published root file system shut until its owner has moved in: passwords that everybody knows, the mask of /boot, and
// what is one machine's own.

/** Locked, or kept in the other file of the two: `x` alone, since a hash of the old kind may begin with it. passwd(5), shadow(5) */
const SHUT = /^(?:[!*]|x$)/;

/**
 * /etc/shadow or /etc/passwd with every password locked, and also every account that needs none: whoever published them,
 * everybody has them. A key still lets its owner in.
 */
export const lockPasswords = (text: string): string =>
  text.replaceAll(
    /^([^:\n]*):([^:\n]*)/gm,
    (line, name: string, password: string) =>
      SHUT.test(password) ? line : `${name}:!*`,
  );

/** /etc/fstab with /boot for root only: FAT has no owners, and the mask counts when it is mounted; of several the last. */
export const closeBoot = (text: string): string =>
  text.replaceAll(
    /^([^#\s]\S*[ \t]+\/boot[ \t]+vfat[ \t]+)(\S+)/gm,
    (line, before: string, options: string) =>
      options.split(",").at(-1) === "umask=0077"
        ? line
        : `${before}${options},umask=0077`,
  );

/**
 * What each machine makes for itself, at the latest at its first boot: shared by all cards that are made of one archive, and known
 * to everybody who has it, a key is no key, and a client's identity takes another's address.
 * https://systemd.io/BUILDING_IMAGES/, sshd-keygen of openssh, pacman-key(8), dhcpcd(8), nvme-gen-hostnqn(1)
 */
const OWN = [
  /^etc\/ssh\/ssh_host_[^/]*$/,
  /^var\/lib\/systemd\/(?:random-seed|credential\.secret)$/,
  /^boot\/loader\/random-seed$/,
  /^var\/lib\/(?:urandom|misc)\/random-seed$/,
  /^var\/lib\/dbus\/machine-id$/,
  /^etc\/pacman\.d\/gnupg\//,
  /^var\/lib\/dhcpcd\/(?:duid|secret)$/,
  /^etc\/dhcpcd\.(?:duid|secret)$/,
  /^var\/lib\/NetworkManager\/secret_key$/,
  /^etc\/(?:hostid|nvme\/host(?:id|nqn)|iscsi\/initiatorname\.iscsi)$/,
];

/** Whether a file is one machine's own. `path` is below the root, without a leading slash. */
export const isOneMachines = (path: string): boolean =>
  OWN.some((pattern) => pattern.test(path));

/**
 * /etc/machine-id of no machine: systemd makes one at each boot until it can be kept. Empty and not "uninitialized", which also
 * has units enabled and disabled by the distribution's presets. machine-id(5)
 */
export const forgetMachineId = (text: string): string =>
  text.trim() === "uninitialized" ? text : "";

/** What is changed in a published root file system's own files. */
export const CLOSING_EDITS = [
  { path: "etc/passwd", edit: lockPasswords },
  { path: "etc/shadow", edit: lockPasswords },
  { path: "etc/fstab", edit: closeBoot },
  { path: "etc/machine-id", edit: forgetMachineId },
] as const;
