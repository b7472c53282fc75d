// Lists the disks of macOS through drivelist, which people there install themselves: it compiles itself or downloads what others
// compiled. On Linux it is never asked, because it misses a root file system on USB, LVM or LUKS (docs/decisions.md).
import { UserError } from "../../report/user-error.ts";
import type { BlockDevice } from "../block-device.ts";

type Drivelist = typeof import("drivelist");

const loadDrivelist = async (): Promise<Drivelist> => {
  try {
    return await import("drivelist");
  } catch (cause) {
    throw new UserError(
      "TOOL_MISSING",
      "drivelist, which lists disks on this system, is not installed",
      {
        state: "nothing was written",
        hint: "install it beside pi-image: npm install --global --ignore-scripts=false drivelist@12.0.2; in a clone, npm install --no-save in place of --global",
        cause,
      },
    );
  }
};

/** @throws UserError TOOL_MISSING */
export const listOther = async (): Promise<readonly BlockDevice[]> => {
  const { list } = await loadDrivelist();
  const drives = await list();
  return drives.map((drive) => {
    const uses = drive.mountpoints.map(({ path }) => ({
      device: drive.device,
      at: path,
    }));
    const system = uses.find(
      ({ at }) => at === "/" || at.startsWith("/System/"),
    );
    return {
      path: drive.device,
      name: drive.device.replace(/^\/dev\//, ""),
      number: undefined,
      byId: [],
      kind: drive.isVirtual === true ? "virtual" : "disk",
      size: drive.size ?? 0,
      logicalBlock: drive.logicalBlockSize,
      physicalBlock: drive.blockSize,
      removable: drive.isRemovable,
      readOnly: drive.isReadOnly,
      transport: drive.isUSB === true ? "usb" : drive.busType.toLowerCase(),
      vendor: undefined,
      model: drive.description === "" ? undefined : drive.description,
      serial: undefined,
      diskSequence: undefined,
      group: undefined,
      partitions: [],
      uses,
      holders: [],
      system:
        system === undefined
          ? drive.isSystem
            ? "macOS calls it an internal disk"
            : undefined
          : `it is mounted on ${system.at}`,
    };
  });
};
