// What the operating system means when it refuses a file, in words; none of it is a bug of ours.

type Words = {
  /** Stands after "X cannot be read or written:". */
  readonly why: string;
  readonly hint: string;
};

const PERMISSION = "give your user permission, or use a folder of your own";
const SPACE = "free some space, and run the command again";
const SPELLING = "check how the path is spelled";
const LOG = "check the kernel log: sudo dmesg";

/** By the error's code: https://man7.org/linux/man-pages/man3/errno.3.html, and Node's own for a file that is too large. */
const WORDS: Readonly<Record<string, Words>> = {
  EACCES: { why: "your user lacks permission", hint: PERMISSION },
  EPERM: { why: "the system does not allow it", hint: PERMISSION },
  EROFS: {
    why: "the file system is read-only",
    hint: "use a folder on another disk",
  },
  ENOSPC: { why: "the disk is full", hint: SPACE },
  EDQUOT: { why: "this user's disk quota is used up", hint: SPACE },
  EFBIG: {
    why: "a file of that size is not allowed there",
    hint: "use a file system without that limit (FAT ends at 4 GiB), or raise it: ulimit -f",
  },
  EIO: { why: "the disk reports an error", hint: LOG },
  ENXIO: { why: "there is no such device", hint: LOG },
  ENODEV: { why: "the device is gone", hint: LOG },
  ESTALE: {
    why: "the file server no longer knows it",
    hint: "mount the network folder again",
  },
  ENOENT: { why: "it does not exist", hint: SPELLING },
  ENOTDIR: { why: "part of its path is not a folder", hint: SPELLING },
  EISDIR: { why: "it is a folder", hint: "name a file" },
  EEXIST: { why: "it already exists", hint: "choose another name" },
  ENOTEMPTY: {
    why: "the folder is not empty",
    hint: "choose another name",
  },
  ELOOP: {
    why: "it is a symbolic link that leads in a circle",
    hint: "look at them with ls -l",
  },
  ENAMETOOLONG: { why: "its name is too long", hint: "use a shorter name" },
  EMFILE: {
    why: "too many files are open",
    hint: "raise the limit, such as: ulimit -n 4096",
  },
  ENFILE: {
    why: "the whole system has too many files open",
    hint: "close other programs, and run the command again",
  },
  ENOMEM: {
    why: "there is not enough memory",
    hint: "close other programs, and run the command again",
  },
  EBUSY: {
    why: "another program has it open",
    hint: "close that program, and run the command again",
  },
  ETXTBSY: {
    why: "it is a program that is running",
    hint: "choose another name",
  },
  EINVAL: {
    why: "the system cannot do that with this kind of file",
    hint: "name a regular file",
  },
  ESPIPE: {
    why: "it is a pipe, a socket or a device, not a file",
    hint: "name a regular file",
  },
  E2BIG: {
    why: "it is too large for what it should be",
    hint: "check that it is the file you mean",
  },
  ERR_FS_FILE_TOO_LARGE: {
    why: "it is too large to be read at once",
    hint: "check that it is the file you mean",
  },
};

/** Undefined for a code that does not stand for a file that was refused. */
export const errnoWords = (code: unknown): Words | undefined =>
  typeof code === "string" && Object.hasOwn(WORDS, code)
    ? WORDS[code]
    : undefined;

/** Stands after "X cannot be read:"; such as "its name is too long". */
export const errnoReason = (code: string | undefined): string =>
  errnoWords(code)?.why ?? `the system says ${code ?? "nothing more"}`;
