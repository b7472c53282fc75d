// Paths as people write them in an inventory: ~ is their home, and others begin at the inventory's folder.
import { isAbsolute, join, resolve } from "node:path";

/** Where paths of an inventory begin. */
export type PathOrigins = {
  /** The inventory's folder, absolute. */
  readonly folder: string;
  readonly home: string;
};

export const absolutePath = (path: string, places: PathOrigins): string => {
  if (path === "~" || path.startsWith("~/")) {
    return join(places.home, path.slice(1));
  }
  return isAbsolute(path) ? path : resolve(places.folder, path);
};
