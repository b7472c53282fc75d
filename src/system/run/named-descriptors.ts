// Open files that the command line names by their number: /dev/fd/5, as in `5<os.img`, or what a shell makes of <(...).
import { fstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { ifOneOf, ifSystem } from "../../report/expected-failure.ts";
import { UserError } from "../../report/user-error.ts";

const NAME = /^(?:[^=/]*=)?\/(?:dev|proc\/(?:self|thread-self))\/fd\/(\d+)$/;

/** Their numbers; stdin, stdout and stderr are not among them. */
export const namedDescriptors = (
  words: readonly string[],
): readonly number[] => [
  ...new Set(
    words
      .map((word) => Number(NAME.exec(word)?.[1] ?? "0"))
      .filter((number) => number > 2),
  ),
];

const isOpen = (fd: number): boolean => {
  try {
    fstatSync(fd);
    return true;
  } catch (error) {
    return ifOneOf(error, ["EBADF", "ERR_OUT_OF_RANGE"], false);
  }
};

/** What /proc says that it is, such as "pipe:[1234]"; undefined where there is no /proc. */
const linkOf = (fd: number | string): string | undefined => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch (error) {
    return ifSystem(error, undefined);
  }
};

const isWriteOnly = (fd: string): boolean => {
  try {
    const info = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    return /^flags:\s*[0-7]*1$/m.test(info);
  } catch (error) {
    return ifSystem(error, false);
  }
};

/** Whether it is Node's own: Node wakes itself up through pipes with both ends in this process; others have one elsewhere. */
const isNodes = (fd: number): boolean => {
  const link = linkOf(fd);
  if (link === undefined || !/^(anon_inode|pipe|socket):/.test(link)) {
    return false;
  }
  return (
    !link.startsWith("pipe:") ||
    readdirSync("/proc/self/fd").some(
      (other) => linkOf(other) === link && isWriteOnly(other),
    )
  );
};

/** @throws UserError WRONG_ARGUMENTS for a number that whoever started us has not opened */
export const demandDescriptors = (words: readonly string[]): void => {
  const wrong = namedDescriptors(words).find(
    (fd) => !isOpen(fd) || isNodes(fd),
  );
  if (wrong !== undefined) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      `/dev/fd/${wrong} is named, but no file is open as descriptor ${wrong}`,
      {
        state: "nothing was written",
        hint: `open one, such as: ${wrong}<os.img; or give the name of the file`,
      },
    );
  }
};
