// What the user must know about an image before it is written: who may still change it, and what is wrong with it; computes only.
import type { FileUser } from "../device/look/file-users.ts";
import type { LookedImage } from "../image/look/look-image.ts";
import type { TableFaultCode } from "../image/table/table-faults.ts";

export type ImageFinding = {
  readonly code: TableFaultCode | "IMAGE_IN_USE" | "FILE_SYSTEM_NOT_CLEAN";
  /** A sentence without its full stop. */
  readonly message: string;
};

export type ImageFacts = LookedImage & { readonly users: readonly FileUser[] };

const useOf = (user: FileUser): ImageFinding => ({
  code: "IMAGE_IN_USE",
  message:
    user.kind === "process"
      ? `the image is open for writing in process ${user.pid} (${user.name})`
      : [
          `the image is attached read-write as ${user.device}`,
          ...user.uses,
        ].join("; "),
});

/** Whoever only reads the image cannot change it, and is not a finding. */
const mayChange = (user: FileUser): boolean =>
  user.kind === "process" || !user.readOnly;

export const imageFindings = ({
  table,
  unclean,
  users,
}: ImageFacts): readonly ImageFinding[] => [
  ...users.filter(mayChange).map(useOf),
  ...(table.kind === "none" ? [] : table.faults),
  ...unclean.map(({ partition, name, reason }): ImageFinding => ({
    code: "FILE_SYSTEM_NOT_CLEAN",
    message: `the ${name} of partition ${partition} ${reason}`,
  })),
];
