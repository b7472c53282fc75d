// Names that become host names, DNS domains or names of resources in Kubernetes (RFC 1123).
import { inBrackets, parseIp, specialKind } from "./ip.ts";
import type { TextRule } from "./text-rule.ts";
import { quoted } from "../wording.ts";

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** `<cluster>-api` names the virtual address, so four characters of a label are taken. */
const CLUSTER_NAME_LIMIT = 59;

export const isLabel = (text: string): boolean => LABEL.test(text);

/** Lower-case labels with dots between them, 253 characters at most. */
export const isDnsName = (text: string): boolean =>
  text.length <= 253 && text.split(".").every(isLabel);

/** The nearest name that would do, for the hint. */
const suggestion = (value: string): string => {
  const name = value
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, CLUSTER_NAME_LIMIT);
  return isLabel(name) && !/^\d+$/.test(name) ? `, for example ${name}` : "";
};

const HOW =
  'use lower-case letters, digits and "-" between them, 63 characters at most';

export const nodeNameRule: TextRule = (value) => {
  if (!isLabel(value)) {
    return {
      code: "NODE_NAME_INVALID",
      message: `${quoted(value)} cannot be the name of a node, because it is not a host name`,
      hint: `${HOW}${suggestion(value)}`,
    };
  }
  // Programs that expect an address read 12 as 0.0.0.12; localhost is every node's own name for itself.
  return /^\d+$/.test(value) || value === "localhost"
    ? {
        code: "NODE_NAME_INVALID",
        message: `${quoted(value)} cannot be the name of a node, because programs take it for an address of their own`,
        hint: `choose another name${suggestion(`node-${value}`)}`,
      }
    : undefined;
};

export const namespaceRule: TextRule = (value) =>
  isLabel(value)
    ? undefined
    : {
        code: "NAMESPACE_INVALID",
        message: `${quoted(value)} cannot be the name of a namespace`,
        hint: `${HOW}${suggestion(value)}`,
      };

export const clusterNameRule: TextRule = (value) =>
  isLabel(value) && value.length <= CLUSTER_NAME_LIMIT
    ? undefined
    : {
        code: "CLUSTER_NAME_INVALID",
        message: `${quoted(value)} cannot be the name of a cluster, because host names are made from it`,
        hint: `use lower-case letters, digits and "-" between them, ${CLUSTER_NAME_LIMIT} characters at most${suggestion(value)}`,
      };

export const domainRule: TextRule = (value) =>
  isDnsName(value)
    ? undefined
    : {
        code: "DOMAIN_INVALID",
        message: `${quoted(value)} is not a DNS domain`,
        hint: "write it in lower case without a dot at the end, for example home.arpa",
      };

/** A node's name, a DNS name or an address; which of them it is, the cross-checks decide. */
export const endpointRule: TextRule = (value) => {
  const ip = parseIp(value);
  const bare = inBrackets(value);
  const hint =
    bare !== undefined
      ? `write ${bare}, without brackets; the port is always 6443`
      : "write the name of a control-plane node, a DNS name or an address; the port is always 6443";
  if (ip !== undefined && (ip.family === 4 || specialKind(ip) === undefined)) {
    return undefined;
  }
  if (ip !== undefined) {
    return {
      code: "ENDPOINT_INVALID",
      message: `${quoted(value)} is not an address at which other nodes reach a machine`,
      hint,
    };
  }
  // A last label of digits only is never a name (RFC 1123, 2.1): it is a mistyped address.
  return isDnsName(value) && !/(^|\.)\d+$/.test(value)
    ? undefined
    : {
        code: "ENDPOINT_INVALID",
        message: `${quoted(value)} is neither a name nor an address`,
        hint,
      };
};
