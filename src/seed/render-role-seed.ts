// Renders the seed of a role image: the role's profile without anything of one node, such as a name, a user, a key or a
// network.
import { createHash } from "node:crypto";
import { hasErrors, type Problem } from "../report/problem.ts";
import type { Library } from "./library/library.ts";
import { FRAGMENT_HEADER } from "./library/parse-fragment.ts";
import { bundleFiles } from "./bundle-files.ts";
import { roleDocument } from "./role-document.ts";
import { type RoleContext, roleValues } from "./role-values.ts";
import type { RoleSeed } from "./seed.ts";
import { toValue, type Value } from "./library/tree.ts";
import { withFiles } from "./supplied-files.ts";
import { writeVendorData } from "./vendor-data.ts";
import { writeDocument } from "./library/write-document.ts";

type RoleSeedInput = Omit<RoleContext, "files"> & {
  readonly library: Library;
  /** The version of pi-image, for the documents' headers. */
  readonly version: string;
};

type RenderedRoleSeed = {
  /** Undefined when a problem is an error. */
  readonly seed: RoleSeed | undefined;
  /** The profile's fragments that were left out because only a node can have them. */
  readonly leftOut: readonly string[];
  readonly problems: readonly Problem[];
};

/** A wired machine that gets its address by DHCP; the network is optional at boot, because only a node may require it. */
const NETWORK: Value = {
  network: {
    version: 2,
    ethernets: {
      eth0: { dhcp4: true, "dhcp-identifier": "mac", optional: true },
    },
  },
};

const NO_IDENTITY = `# This image is not a node yet: it has no name, no user, no key and no Wi-Fi. Give it an identity with
# \`pi-image flash TARGET IMAGE --host NODE\`, or let Raspberry Pi Imager write its customisation into this file.
`;

const isMap = (value: Value): value is Readonly<Record<string, Value>> =>
  value !== null && typeof value === "object" && !Array.isArray(value);

/** Pure: the same input gives the same bytes. */
export const renderRoleSeed = (input: RoleSeedInput): RenderedRoleSeed => {
  const { library, role, version, project, bundle } = input;
  const problems: Problem[] = [];
  const context = { ...input, files: library.files };
  const { document, leftOut } = roleDocument(
    library,
    role,
    roleValues(context),
    (problem) => problems.push(problem),
  );
  const carried =
    bundle === undefined
      ? []
      : bundleFiles(project, true, library.files, bundle);
  const config = document && toValue(withFiles(document, carried));
  if (config === undefined || !isMap(config) || hasErrors(problems)) {
    return { seed: undefined, leftOut, problems };
  }
  const timeless = roleDocument(
    library,
    role,
    roleValues({ ...context, buildTime: new Date(0) }),
    () => undefined,
  ).document;
  const digest = createHash("sha256")
    .update(JSON.stringify(timeless && toValue(withFiles(timeless, carried))))
    .digest("hex")
    .slice(0, 12);
  const instanceId = `pi-image-${role}-${digest}`;
  const made = `# Made by pi-image ${version}.\n`;
  return {
    seed: {
      instanceId,
      vendorData: writeVendorData(made, config),
      userData: writeDocument(`${FRAGMENT_HEADER}\n${made}${NO_IDENTITY}`, {
        ssh_pwauth: false,
      }),
      metaData: writeDocument(made, {
        "instance-id": instanceId,
        dsmode: "local",
      }),
      networkConfig: writeDocument(made, NETWORK),
    },
    leftOut,
    problems,
  };
};
