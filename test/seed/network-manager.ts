// NetworkManager's own reading of its profiles, as a judge of what netplan writes from our networks.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { judge } from "./judge.ts";

type Profile = {
  /** In hex. */
  readonly ssid: string;
  readonly hidden: boolean;
  /** 2: off. */
  readonly powersave: number;
  readonly priority: number;
  readonly interface: string | null;
  readonly management: string | null;
  readonly psk: string | null;
  readonly eap: Readonly<Record<string, string | null>> | null;
};

/** What the reader needs: the system's Python with NetworkManager's library. */
export const KEYFILE_TOOLS = [
  "/usr/bin/python3",
  "/usr/lib/python3/dist-packages/gi/__init__.py",
  "/usr/share/doc/gir1.2-nm-1.0/copyright",
] as const;

const PROGRAM = fileURLToPath(new URL("read-keyfiles.py", import.meta.url));

/** Every profile that netplan wrote below this root. Throws for one that NetworkManager would not use. */
export const profilesIn = (root: string): readonly Profile[] => {
  const folder = join(root, "run/NetworkManager/system-connections");
  const files = readdirSync(folder).map((name) => join(folder, name));
  const { status, output } = judge("/usr/bin/python3", [PROGRAM, ...files]);
  if (status !== 0) {
    throw new Error(output);
  }
  return JSON.parse(output) as readonly Profile[];
};
