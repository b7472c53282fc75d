// Folders that no other user can fill, exchange or change; what is run from elsewhere may be theirs.
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  type Stats,
} from "node:fs";
import { dirname } from "node:path";

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/** Undefined on Windows, whose files have neither owners nor modes for us. */
const me = process.geteuid?.();

const look = (path: string): Stats | undefined =>
  lstatSync(path, { throwIfNoEntry: false });

/** The first folder, of this one and all above it, that others could exchange something in; undefined where there is none. */
const openToOthers = (folder: string): string | undefined => {
  for (let path = folder; ; path = dirname(path)) {
    const { mode, uid } = lstatSync(path);
    const foreign = uid !== me && uid !== 0;
    const writable = (mode & WRITABLE_BY_OTHERS) !== 0;
    if (foreign || (writable && (mode & STICKY) === 0)) {
      return path;
    }
    if (path === dirname(path)) {
      return undefined;
    }
  }
};

/** Whether it is a folder that only this user can enter; links are none. */
export const isPrivate = (path: string): boolean => {
  const found = look(path);
  return (
    found?.isDirectory() === true &&
    (me === undefined || (found.uid === me && (found.mode & 0o777) === 0o700))
  );
};

type Usable = { readonly path: string } | { readonly why: string };

/** The deepest folder on the way that is there. */
const existing = (folder: string): string => {
  for (let path = folder; ; path = dirname(path)) {
    if (look(path) !== undefined || path === dirname(path)) {
      return realpathSync(path);
    }
  }
};

/** A umask of 002 made it the group's too, but it is ours alone by purpose. */
const closeOwn = (path: string): void => {
  const { uid, mode } = lstatSync(path);
  if (uid === me && (mode & WRITABLE_BY_OTHERS) !== 0) {
    chmodSync(path, mode & 0o777 & ~WRITABLE_BY_OTHERS);
  }
};

/** Makes the folder where there is none; its path without links, or why it cannot be used. */
export const usableFolder = (folder: string): Usable => {
  try {
    if (me === undefined) {
      mkdirSync(folder, { recursive: true });
      return { path: realpathSync(folder) };
    }
    const there = existing(folder);
    const whole = look(folder) !== undefined;
    let open = openToOthers(whole ? dirname(there) : there);
    if (open === undefined) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const path = realpathSync(folder);
      closeOwn(path);
      open = openToOthers(path);
      if (open === undefined) {
        return { path };
      }
    }
    return { why: `other users can change what is in ${open}` };
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) };
  }
};
