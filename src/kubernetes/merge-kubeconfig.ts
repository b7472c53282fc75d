// Puts the administrator's entries into an existing kubeconfig and leaves everything else in it as it is.
import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { secret, type Secret } from "../report/secret.ts";
import { UserError } from "../report/user-error.ts";
import { hasKeyOfOneOf, isSignedByOneOf } from "./certificate.ts";
import {
  dataIn,
  kubeconfigText,
  parseKubeconfig,
  textIn,
} from "./kubeconfig-yaml.ts";
import {
  type AdminAccess,
  adminKubeconfig,
  base64,
  certificatesOf,
} from "./render-kubeconfig.ts";

type MergedKubeconfig = {
  readonly text: Secret;
  /** The context to use: `kubectl --context NAME`. */
  readonly context: string;
  /** Whether that context is the current one of the merged file. */
  readonly current: boolean;
  /** Whether it differs from the existing file. */
  readonly changed: boolean;
};

/** Values that mean "nothing"; some are texts, because scalars are read as they are written. */
const NOTHING: readonly unknown[] = [undefined, null, "", "null", "~"];

const isNothing = (node: unknown): boolean =>
  NOTHING.includes(isScalar(node) ? node.value : node);

const wrong = (path: string, why: string): UserError =>
  new UserError("KUBECONFIG_WRONG", `${path} is not a kubeconfig: ${why}.`, {
    hint: "repair it, or merge into another file",
    state: "the file is unchanged",
  });

/** The parser's own messages quote the file, so they are not passed on. */
const parse = (text: string, path: string): Document | undefined => {
  const parsed = parseKubeconfig(text);
  if ("mistake" in parsed) {
    throw wrong(path, `line ${parsed.mistake.line} is not valid YAML`);
  }
  return parsed.document;
};

/** One of the three lists, created where the file has none. */
const listOf = (document: Document, key: string, path: string): YAMLSeq => {
  const node: unknown = document.get(key, true);
  if (isSeq(node)) {
    if (node.items.length === 0) {
      node.flow = false;
    }
    return node;
  }
  if (!isNothing(node)) {
    throw wrong(path, `${key} is not a list`);
  }
  const created = document.createNode([]);
  document.set(key, created);
  return created;
};

const find = (list: YAMLSeq, name: string): YAMLMap | undefined =>
  list.items.filter(isMap).find((item) => item.get("name") === name);

type Entry = {
  readonly list: "clusters" | "users" | "contexts";
  readonly body: "cluster" | "user" | "context";
  readonly values: Readonly<Record<string, string>>;
  /** Whether an entry of the same name is one that pi-image made for this cluster. */
  readonly isOurs: (item: YAMLMap) => boolean;
};

const entriesOf = ({
  name,
  server,
  cas,
  client,
  former = [],
}: AdminAccess): readonly Entry[] => [
  {
    list: "clusters",
    body: "cluster",
    values: {
      "certificate-authority-data": base64(certificatesOf(cas)),
      server,
    },
    isOurs: (item) =>
      hasKeyOfOneOf(dataIn(item, "cluster", "certificate-authority-data"), [
        ...cas,
        ...former,
      ]),
  },
  {
    list: "users",
    body: "user",
    values: {
      "client-certificate-data": base64(client.certificate),
      "client-key-data": base64(client.key.reveal()),
    },
    isOurs: (item) =>
      isSignedByOneOf(dataIn(item, "user", "client-certificate-data"), [
        ...cas,
        ...former,
      ]),
  },
  {
    list: "contexts",
    body: "context",
    values: { cluster: name, user: name },
    isOurs: (item) =>
      textIn(item, "context", "cluster") === name &&
      textIn(item, "context", "user") === name,
  },
];

const conflict = (path: string, name: string, lists: readonly string[]) =>
  new UserError(
    "KUBECONFIG_CONFLICT",
    `${path} has entries named ${name} that do not belong to this cluster.`,
    {
      facts: lists.map((list) => `under ${list}`),
      hint: `if they are of no use any more: kubectl config delete-context ${name}; kubectl config delete-cluster ${name}; kubectl config delete-user ${name}`,
      state: "the file is unchanged",
    },
  );

const put = (document: Document, list: YAMLSeq, name: string, entry: Entry) => {
  const existing = find(list, name);
  if (existing === undefined) {
    list.add(document.createNode({ name, [entry.body]: entry.values }));
    return;
  }
  // Set key by key, so that a namespace or a proxy that the user has set is kept.
  for (const [key, value] of Object.entries(entry.values)) {
    existing.setIn([entry.body, key], value);
  }
};

/**
 * The existing kubeconfig with the administrator's cluster, user and context added. Entries of other names, unknown keys and
 * comments stay; the current context is set only where there is none.
 *
 * @param existing text of the file; empty for a new one
 * @param path of the file, for messages only
 * @throws UserError KUBECONFIG_WRONG, KUBECONFIG_CONFLICT
 */
export const mergeKubeconfig = (
  existing: string,
  access: AdminAccess,
  path: string,
): MergedKubeconfig => {
  const { name } = access;
  const document = parse(existing, path);
  const contents: Node | null = document?.contents ?? null;
  if (document === undefined || isNothing(contents)) {
    return {
      text: adminKubeconfig(access),
      context: name,
      current: true,
      changed: true,
    };
  }
  if (!isMap(contents)) {
    throw wrong(path, "it does not hold named values");
  }
  const before = kubeconfigText(document);
  const entries = entriesOf(access);
  const foreign = entries.filter((entry) => {
    const item = find(listOf(document, entry.list, path), name);
    return item !== undefined && !entry.isOurs(item);
  });
  if (foreign.length > 0) {
    throw conflict(
      path,
      name,
      foreign.map(({ list }) => list),
    );
  }
  for (const entry of entries) {
    put(document, listOf(document, entry.list, path), name, entry);
  }
  for (const [key, value] of [
    ["apiVersion", "v1"],
    ["kind", "Config"],
    ["current-context", name],
  ] as const) {
    if (isNothing(document.get(key, true))) {
      document.set(key, value);
    }
  }
  const merged = kubeconfigText(document);
  return {
    text: secret(merged),
    changed: merged !== before,
    context: name,
    current: document.get("current-context") === name,
  };
};
