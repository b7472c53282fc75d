// Logs of the machines of one test file; kept only when a test has failed.
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

const REPOSITORY = join(import.meta.dirname, "../../..");

export type Logs = {
  readonly folder: string;
  /** Forgets the logs unless something failed. */
  readonly close: (failed: boolean) => Promise<void>;
};

/** `out/boot/<name>/`, empty. */
export const openLogs = async (name: string): Promise<Logs> => {
  const folder = join(REPOSITORY, "out/boot", name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  return {
    folder,
    close: async (failed) => {
      if (failed) {
        console.log(`The logs are in out/boot/${name}/.`);
      } else {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
};
