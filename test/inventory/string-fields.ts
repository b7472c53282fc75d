// Every place of the inventory that takes a string, found by walking its schema, so that a new field is there by itself.
import { z } from "zod";
import { inventorySchema } from "../../src/inventory/schema/cluster-schema.ts";

export type StringField = {
  /** Such as "nodes[].users[].name". */
  readonly name: string;
  /** Something that the field takes; "" where nothing is known. */
  readonly example: string;
  /** An inventory with this value in this field, and with what the field cannot be without. */
  readonly set: (value: string, inventory?: object) => object;
};

/** Keys of mappings, and "[]" for an item of a list. */
type Place = readonly string[];

const node = z.object({
  type: z.string().optional(),
  enum: z.array(z.unknown()).optional(),
  examples: z.array(z.unknown()).optional(),
  get properties() {
    return z.record(z.string(), node).optional();
  },
  get items() {
    return node.optional();
  },
  get additionalProperties() {
    return z.union([z.boolean(), node]).optional();
  },
  get anyOf() {
    return z.array(node).optional();
  },
});

type SchemaNode = z.infer<typeof node>;

const walk = (
  schema: SchemaNode,
  place: Place,
): readonly { readonly place: Place; readonly schema: SchemaNode }[] => [
  ...(schema.type === "string" ? [{ place, schema }] : []),
  ...(schema.anyOf ?? []).flatMap((part) => walk(part, place)),
  ...Object.entries(schema.properties ?? {}).flatMap(([key, part]) =>
    walk(part, [...place, key]),
  ),
  ...(schema.items === undefined ? [] : walk(schema.items, [...place, "[]"])),
  ...(typeof schema.additionalProperties === "object"
    ? walk(schema.additionalProperties, [...place, "any-key"])
    : []),
];

/** An inventory in which most of what can be written is written. */
const BASE = {
  cluster: {
    name: "homelab",
    kubernetes: "1.36",
    endpoint: "cplane",
    podSubnet: "10.244.0.0/16",
    dnsDomain: "cluster.local",
    runtime: "containerd",
    mirrors: {
      registries: [{ registry: "ghcr.io", mirror: "https://registry.lan" }],
    },
  },
  defaults: {
    timezone: "Europe/Madrid",
    users: [
      {
        name: "ana",
        sshKeys: [
          "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOnpJv1RLwluXwBXcDwIVQEbxP4VRY8T1f4VY3zbO8TK",
        ],
        shell: "/bin/bash",
      },
    ],
    wifi: { ssid: "home", country: "ES", password: "env:WIFI" },
    uplink: "ethernet",
    gateway: "192.168.1.1",
    nameservers: ["192.168.1.1"],
    search: ["home.arpa"],
  },
  nodes: [
    { name: "cplane", role: "control-plane", address: "192.168.1.50/24" },
    { name: "worker1", role: "worker", address: "192.168.1.61/24" },
  ],
};

const isMapping = (
  value: unknown,
): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Without it the setting has no effect. */
const NEEDED_BESIDE: Readonly<Record<string, object>> = {
  dataMount: { storage: "sd+usb-data" },
};

/** What stands at the place; of a list the last item counts. */
const at = (tree: unknown, place: Place): unknown => {
  let found = tree;
  for (const key of place) {
    found = Array.isArray(found)
      ? found.at(-1)
      : isMapping(found)
        ? found[key]
        : undefined;
  }
  return found;
};

const setAt = (
  tree: unknown,
  place: Place,
  value: string,
  from: Place,
): unknown => {
  const [key, ...rest] = place;
  if (key === undefined) {
    return value;
  }
  if (key === "[]") {
    const list = Array.isArray(tree) ? tree : tree === undefined ? [] : [tree];
    const last: unknown = list.at(-1);
    return [...list.slice(0, -1), setAt(last, rest, value, [...from, key])];
  }
  const item = Array.isArray(tree) ? (tree.at(-1) as unknown) : tree;
  const known = isMapping(item) ? item : {};
  // A node's own mapping takes the place of the one in defaults, and must be as complete.
  const before =
    known[key] ??
    (from[0] === "nodes" && rest.length > 0
      ? at(BASE.defaults, [key])
      : undefined);
  return {
    ...known,
    ...NEEDED_BESIDE[key],
    [key]: setAt(before, rest, value, [...from, key]),
  };
};

export const BASE_INVENTORY: object = BASE;

export const stringFields = (): readonly StringField[] => {
  const schema = node.parse(z.toJSONSchema(inventorySchema, { io: "input" }));
  return walk(schema, []).map(({ place, schema: field }) => {
    const known = at(BASE, place) ?? at(BASE.defaults, place.slice(2));
    const example = known ?? field.examples?.[0] ?? field.enum?.[0] ?? "";
    return {
      name: place.join(".").replaceAll(".[]", "[]"),
      example: typeof example === "string" ? example : "",
      set: (value, inventory = BASE) =>
        z
          .record(z.string(), z.unknown())
          .parse(setAt(inventory, place, value, [])),
    };
  });
};
