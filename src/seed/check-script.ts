// Tells what the user's own documents ask for and a first boot without cloud-init cannot do.
import type { ResolvedNode } from "../inventory/resolved.ts";
import type { Position, Problem } from "../report/problem.ts";
import { unknownToScript } from "./first-boot-script.ts";
import type { Library } from "./library/library.ts";
import { childOf, type MapTree, scalarsIn, toValue } from "./library/tree.ts";
import { placeOfPath } from "./unsupported.ts";

type Documents = { readonly userData: MapTree; readonly network: MapTree };

export const checkForScript = (
  node: ResolvedNode,
  documents: Documents,
  library: Library,
  report: (problem: Problem) => void,
): void => {
  const { userData, network } = documents;
  const unknown = unknownToScript({
    userData: toValue(userData),
    network: toValue(network),
  });
  for (const part of ["userData", "network"] as const) {
    for (const { path, why } of unknown[part]) {
      report(
        unsupported(
          "error",
          `${node.name} has no cloud-init on Arch Linux ARM, and its first boot cannot do what ${path.join(".")} asks for${why === undefined ? "" : ` (${why})`}`,
          placeOfPath(documents[part], path),
        ),
      );
    }
  }
  for (const at of ownParts(userData, "bootcmd", library)) {
    report(
      unsupported(
        "error",
        `${node.name} has no cloud-init on Arch Linux ARM, and nothing there runs bootcmd`,
        at,
      ),
    );
  }
  for (const at of ownParts(userData, "apt", library)) {
    report(
      unsupported(
        "warning",
        `${node.name} has no apt on Arch Linux ARM, so that this does nothing there`,
        at,
      ),
    );
  }
};

const unsupported = (
  severity: Problem["severity"],
  message: string,
  at: Position,
): Problem => ({
  code: "FRAGMENT_UNSUPPORTED",
  severity,
  message,
  at,
  hint:
    severity === "error"
      ? "use runcmd or write_files, leave it out of the profile, or use another base for this node"
      : "leave it out of the profile of this node, if it has one of its own",
});

/** Where each of the user's own fragments begins what it puts under a key. */
const ownParts = (
  document: MapTree,
  key: string,
  { own }: Library,
): readonly Position[] => {
  const part = childOf(document, key);
  const places = part === undefined ? [] : scalarsIn(part).map(({ at }) => at);
  return places.filter(
    ({ file }, index) =>
      own.has(file) && index === places.findIndex((at) => at.file === file),
  );
};
