// The part of a resolved node that is about its system: what the inventory asks for besides what every node gets.
import type { Inventory } from "./schema/cluster-schema.ts";
import type { HostSettings, Proxy } from "./host-settings.ts";
import { parseTaint } from "./rules/registration-rules.ts";

type Settings = NonNullable<Inventory["defaults"]>;
type Written = Pick<
  Settings,
  Exclude<keyof HostSettings, "link"> | keyof HostSettings["link"]
>;

const once = <T>(list: readonly T[] | undefined): readonly T[] => [
  ...new Set(list),
];

const withoutSlash = (url: string | undefined): string | undefined =>
  url?.replace(/\/$/, "");

const resolveProxy = (written: Written["proxy"]): Proxy | undefined => {
  if (written === undefined) {
    return undefined;
  }
  const { http, https, noProxy } =
    typeof written === "string"
      ? { http: written, https: written, noProxy: [] }
      : written;
  return {
    http: withoutSlash(http),
    https: withoutSlash(https ?? http),
    noProxy: once(noProxy),
  };
};

/** Lists of the node take the place of those in defaults; mappings are merged key by key. */
export const resolveHost = (
  node: Written & { readonly role?: Inventory["nodes"][number]["role"] },
  defaults: Written,
): HostSettings => {
  const taints =
    node.taints ??
    (node.role === "control-plane" ? undefined : defaults.taints);
  return {
    link: {
      interface: node.interface ?? defaults.interface,
      vlan: node.vlan ?? defaults.vlan,
      mtu: node.mtu ?? defaults.mtu,
      routes: node.routes ?? defaults.routes ?? [],
    },
    cmdline: once(node.cmdline ?? defaults.cmdline),
    packages: once(node.packages ?? defaults.packages),
    fragments: once(node.fragments ?? defaults.fragments),
    labels: { ...defaults.labels, ...node.labels },
    taints: taints && once(taints).flatMap((text) => parseTaint(text) ?? []),
    ntp: once(node.ntp ?? defaults.ntp),
    proxy: resolveProxy(node.proxy ?? defaults.proxy),
    updates: node.updates ?? defaults.updates,
    logs: node.logs ?? defaults.logs,
  };
};
