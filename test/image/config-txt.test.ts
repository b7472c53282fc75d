// Edits of config.txt as texts: Ubuntu's own files, and files that people left in odd states.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { ConfigSection } from "../../src/firmware/config-lines.ts";
import { editConfigTxt } from "../../src/image/boot/config-txt.ts";
import { packageFile } from "../../src/system/package-files.ts";

const SETTINGS: readonly ConfigSection[] = [
  { section: "pi5", lines: ["dtparam=pciex1_gen=2", "dtparam=pciex1"] },
  { section: "all", lines: ["dtoverlay=disable-bt", "dtoverlay=disable-wifi"] },
  {
    section: "pi5",
    lines: ["dtparam=pciex1_gen=3", "usb_max_current_enable=1"],
  },
];

const BLOCK = `# >>> pi-image
[all]
dtoverlay=disable-bt
dtoverlay=disable-wifi
[pi5]
dtparam=pciex1
dtparam=pciex1_gen=3
usb_max_current_enable=1
[all]
# <<< pi-image
`;

const ubuntu = (version: string): string =>
  readFileSync(
    packageFile(`profiles/base-images/boot-${version}/config.txt`),
    "utf8",
  );

describe("config.txt", () => {
  test.each(["24.04", "26.04"])(
    "of Ubuntu %s gets one block at its end",
    async (version) => {
      const edited = editConfigTxt(ubuntu(version), SETTINGS);
      expect(edited).toBe(ubuntu(version) + BLOCK);
      await expect(edited).toMatchFileSnapshot(
        `../golden/boot-settings/config-${version}.txt`,
      );
    },
  );

  test.each([
    [
      "no final newline",
      "[all]\ndtparam=spi=on",
      `[all]\ndtparam=spi=on\n${BLOCK}`,
    ],
    ["nothing in it", "", BLOCK],
    [
      "Windows line ends",
      "[all]\r\na=1\r\n",
      `[all]\r\na=1\r\n${BLOCK.replaceAll("\n", "\r\n")}`,
    ],
    ["a byte order mark", "\ufeff[all]\na=1\n", `\ufeff[all]\na=1\n${BLOCK}`],
    ["a mark and nothing else", "\ufeff", `\ufeff${BLOCK}`],
    [
      "line ends of both kinds",
      `a=1\r\n${BLOCK}b=2\n`,
      `a=1\r\n${BLOCK.replaceAll("\n", "\r\n")}b=2\n`,
    ],
    [
      "an older block",
      `a=1\n# >>> pi-image\n[all]\nold=1\n# <<< pi-image\nb=2\n`,
      `a=1\n${BLOCK}b=2\n`,
    ],
    ["two blocks", `${BLOCK}a=1\n${BLOCK}`, `${BLOCK}a=1\n`],
    ["a block that was not ended", `# >>> pi-image\na=1\n`, `a=1\n${BLOCK}`],
    ["an end without a start", `a=1\n# <<< pi-image\n`, `a=1\n${BLOCK}`],
    [
      "a block that was not ended before one that was",
      `# >>> pi-image\na=1\n${BLOCK}`,
      `a=1\n${BLOCK}`,
    ],
  ])("with %s", (_, before, after) => {
    const edited = editConfigTxt(before, SETTINGS);
    expect(edited).toBe(after);
    expect(editConfigTxt(edited, SETTINGS)).toBe(edited);
  });

  test("loses the block when there is nothing to set, and is not touched without one", () => {
    expect(editConfigTxt(`a=1\n${BLOCK}b=2\n`, [])).toBe("a=1\nb=2\n");
    expect(editConfigTxt("a=1\r\nb=2", [{ section: "all", lines: [] }])).toBe(
      "a=1\r\nb=2",
    );
  });

  test.each([
    "kernel=vmlinuz",
    "initramfs initrd.img followkernel",
    "os_prefix=old/",
    "cmdline=other.txt",
    "[pi4]",
    "# comment",
    "two=lines\nhere=1",
    `dtparam=${"x".repeat(98)}`,
  ])("never gets %j from us", (line) => {
    expect(() =>
      editConfigTxt("", [{ section: "all", lines: [line] }]),
    ).toThrow(/not a setting/);
  });
});
