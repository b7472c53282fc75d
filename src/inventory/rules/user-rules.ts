// Login names and shells that Ubuntu's useradd accepts.
import type { TextRule } from "./text-rule.ts";
import { quoted } from "../wording.ts";

/**
 * Users and groups that every Debian and Ubuntu system has (base-passwd): a user that exists is not made, and a group of these
 * gives rights over the system. https://salsa.debian.org/debian/base-passwd
 */
const SYSTEM_NAMES: ReadonlySet<string> = new Set(
  (
    "root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc nobody _apt adm tty disk " +
    "kmem dialout fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video sasl plugdev staff users " +
    "nogroup messagebus syslog sshd netdev docker"
  ).split(" "),
);

export const userNameRule: TextRule = (value) => {
  // The pattern of shadow's useradd, without its trailing $ (that is for Samba's machine accounts).
  if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(value)) {
    return {
      code: "USER_NAME_INVALID",
      message: `${quoted(value)} cannot be a login name`,
      hint: 'use lower-case letters, digits, "-" and "_", beginning with a letter, 32 characters at most',
    };
  }
  return SYSTEM_NAMES.has(value) || value.startsWith("systemd-")
    ? {
        code: "USER_NAME_INVALID",
        message: `${quoted(value)} is a user or group of the system itself`,
        hint: "choose a name of your own; it gets sudo unless sudo is false",
      }
    : undefined;
};

/** The shell of users for whom the inventory names none. */
export const DEFAULT_SHELL = "/bin/bash";

export const shellRule: TextRule = (value) =>
  /^\/[\w./-]+$/.test(value)
    ? undefined
    : {
        code: "SHELL_INVALID",
        message: `${quoted(value)} is not the path of a shell`,
        hint: "write the whole path, for example /bin/bash",
      };
