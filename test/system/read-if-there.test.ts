// What may be absent is absent only where nothing has its name; everything else that keeps it from being read is told.
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { listIfThere, readIfThere } from "../../src/system/read-if-there.ts";
import { failureOf } from "../support/failure.ts";
import { temporaryFolder } from "../support/folder.ts";

describe("what may be absent", () => {
  it("is nothing where no file or folder has its name", async () => {
    const folder = await temporaryFolder();
    writeFileSync(join(folder, "file"), "text");
    for (const name of ["none", "none/below", "file/below"]) {
      expect(await readIfThere(join(folder, name))).toBeUndefined();
      expect(await listIfThere(join(folder, name))).toEqual([]);
    }
    expect(String(await readIfThere(join(folder, "file")))).toBe("text");
    expect(await listIfThere(folder)).toEqual(["file"]);
  });

  it.each([
    ["a folder in place of a file", "folder", readIfThere, "it is a folder"],
    [
      "a link to nothing",
      "dangling",
      readIfThere,
      "a symbolic link to nothing",
    ],
    ["a link to itself", "loop", readIfThere, "leads in a circle"],
    ["a name without end", "n".repeat(300), readIfThere, "name is too long"],
    ["a file in place of a folder", "file", listIfThere, "it is not a folder"],
    [
      "a link to no folder",
      "dangling",
      listIfThere,
      "a symbolic link to nothing",
    ],
    ["a folder behind itself", "loop", listIfThere, "leads in a circle"],
  ] as const)("is told where it is %s", async (_, name, read, why) => {
    const folder = await temporaryFolder();
    mkdirSync(join(folder, "folder"));
    writeFileSync(join(folder, "file"), "text");
    symlinkSync("nothing", join(folder, "dangling"));
    symlinkSync("loop", join(folder, "loop"));
    const error = await failureOf(read(join(folder, name)));
    expect(error.code).toBe("FILE_UNUSABLE");
    expect(error.message).toContain(`${join(folder, name)} cannot be read: `);
    expect(error.message).toContain(why);
  });
});
