// A root file system whose passwords everybody knows is shut before it is on a card.
import { expect, it } from "vitest";
import {
  closeBoot,
  lockPasswords,
} from "../../src/image/rootfs/close-rootfs.ts";

it.each([
  ["root:$6$salt$hash:19000::::::", "root:!*:19000::::::"],
  ["alarm:$y$j9T$x:19000:0:99999:7:::", "alarm:!*:19000:0:99999:7:::"],
  // Traditional DES, whose salt may begin with x, and no password at all.
  ["old:ab01FAX.bQRSU:1::::::", "old:!*:1::::::"],
  ["old:xa01FAX.bQRSU:1::::::", "old:!*:1::::::"],
  ["short:ab01FAX.bQRSU", "short:!*"],
  ["short:", "short:!*"],
  ["empty::1::::::", "empty:!*:1::::::"],
  ["toor::0:0::/root:/bin/sh", "toor:!*:0:0::/root:/bin/sh"],
  ["root:x:0:0::/root:/bin/bash", "root:x:0:0::/root:/bin/bash"],
  ["bin:!*:19000::::::", "bin:!*:19000::::::"],
  ["locked:!$6$salt$hash:1::::::", "locked:!$6$salt$hash:1::::::"],
  ["daemon:*:19000::::::", "daemon:*:19000::::::"],
])("locks %j", (line, locked) => {
  const around = (text: string) => `first:*:1::::::\n${text}\nlast:*:1::::::`;
  expect(lockPasswords(around(line))).toBe(around(locked));
  expect(lockPasswords(lockPasswords(line))).toBe(locked);
});

it.each([
  [
    "/dev/mmcblk0p1  /boot   vfat    defaults        0       0",
    "/dev/mmcblk0p1  /boot   vfat    defaults,umask=0077        0       0",
  ],
  [
    "LABEL=B\t/boot\tvfat\trw,umask=0077\t0 0",
    "LABEL=B\t/boot\tvfat\trw,umask=0077\t0 0",
  ],
  [
    "LABEL=B /boot vfat umask=0077,fmask=0022 0 0",
    "LABEL=B /boot vfat umask=0077,fmask=0022,umask=0077 0 0",
  ],
  ["# /dev/x /boot vfat defaults 0 0", "# /dev/x /boot vfat defaults 0 0"],
  ["/dev/x /boot/efi vfat defaults 0 0", "/dev/x /boot/efi vfat defaults 0 0"],
  ["/dev/x /boot ext4 defaults 0 0", "/dev/x /boot ext4 defaults 0 0"],
])("closes the boot partition in %j", (line, closed) => {
  expect(closeBoot(`${line}\n`)).toBe(`${closed}\n`);
});
