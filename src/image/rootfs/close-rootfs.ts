// Closes a published root file system until its owner has set it up: locks passwords that everybody knows, masks /boot, and
// leaves out what every machine must make for itself.

/** Locked, or kept in the other file of the two: a lone `x`, as an old-style hash may begin with one. passwd(5), shadow(5) */
const SHUT = /^(?:[!*]|x$)/;

/**
 * /etc/shadow or /etc/passwd with every account locked that has a password or needs none, because everybody knows a
 * published password. Logging in with a key still works.
 */
export const lockPasswords = (text: string): string =>
  text.replaceAll(
    /^([^:\n]*):([^:\n]*)/gm,
    (line, name: string, password: string) =>
      SHUT.test(password) ? line : `${name}:!*`,
  );

/** /etc/fstab with /boot for root only. FAT has no owners, so the mount's mask decides; of several masks the last one counts. */
export const closeBoot = (text: string): string =>
  text.replaceAll(
    /^([^#\s]\S*[ \t]+\/boot[ \t]+vfat[ \t]+)(\S+)/gm,
    (line, before: string, options: string) =>
      options.split(",").at(-1) === "umask=0077"
        ? line
        : `${before}${options},umask=0077`,
  );

/**
 * Files that each machine makes for itself, at its first boot at the latest. Every card made from the archive would share
 * them, and everybody who has the archive knows them: such a key protects nothing, and two clients with one identity take
 * each other's address.
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

/** Whether a file must differ between machines. `path` is below the root, without a leading slash. */
export const isOneMachines = (path: string): boolean =>
  OWN.some((pattern) => pattern.test(path));

/**
 * /etc/machine-id without an id: systemd makes a new one at each boot until it can store one. Emptied rather than set to
 * "uninitialized", which would also make systemd enable and disable units by the distribution's presets. machine-id(5)
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
