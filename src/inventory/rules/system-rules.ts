// Time zone, locale, date, base image, card, mirrors and add-ons as people write them.
import type { TextRule } from "./text-rule.ts";
import { quoted } from "../wording.ts";

export const timezoneRule: TextRule = (value) =>
  /^[A-Za-z][\w+-]{0,31}(\/[A-Za-z0-9][\w+-]{0,31}){0,2}$/.test(value)
    ? undefined
    : {
        code: "TIMEZONE_INVALID",
        message: `${quoted(value)} is not the name of a time zone`,
        hint: "write it as in /usr/share/zoneinfo, for example Europe/Madrid or Etc/UTC",
      };

export const localeRule: TextRule = (value) =>
  /^(C|POSIX|[a-z]{2,3}(_[A-Z]{2})?)(\.[A-Za-z0-9-]{1,20})?(@[a-z]{1,20})?$/.test(
    value,
  )
    ? undefined
    : {
        code: "LOCALE_INVALID",
        message: `${quoted(value)} is not the name of a locale`,
        hint: "write language, country and encoding, for example es_ES.UTF-8, or C.UTF-8",
      };

export const dateRule: TextRule = (value) =>
  /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value))
    ? undefined
    : {
        code: "DATE_INVALID",
        message: `${quoted(value)} is not a date`,
        hint: "write year, month and day, for example 2025-02-11",
      };

/** Printable ASCII without blanks at the ends: what lsblk shows in its SERIAL column. */
export const serialRule: TextRule = (value) =>
  /^[!-~]([ -~]{0,126}[!-~])?$/.test(value)
    ? undefined
    : {
        code: "CARD_SERIAL_INVALID",
        message: `${quoted(value)} is not the serial number of a card`,
        hint: "copy it from `pi-image devices`",
      };

// Only characters that need no quoting: these addresses end up in apt sources and shell variables on the node.
const URL_PATTERN =
  /^https?:\/\/[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?(\/[A-Za-z0-9._~%+,:@=-]*)*$/;

const credentialsIn = (value: string): boolean =>
  /^[a-z]+:\/\/[^/]*@/.test(value);

export const urlRule: TextRule = (value) => {
  if (credentialsIn(value)) {
    return {
      code: "SECRET_IN_FILE",
      message: "this address holds a user and a password",
      hint: "use a mirror that the nodes may read without them",
    };
  }
  return URL_PATTERN.test(value) && URL.canParse(value)
    ? undefined
    : {
        code: "URL_INVALID",
        message: `${quoted(value)} is not an address that pi-image can use`,
        hint: "write http:// or https://, a host and a path, without query or special characters",
      };
};

export const registryRule: TextRule = (value) =>
  /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/.test(
    value,
  )
    ? undefined
    : {
        code: "REGISTRY_INVALID",
        message: `${quoted(value)} is not a container registry`,
        hint: "write host, port and path without https://, for example registry.home.arpa:5000/k8s",
      };

export const registryHostRule: TextRule = (value) =>
  /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/.test(value)
    ? undefined
    : {
        code: "REGISTRY_INVALID",
        message: `${quoted(value)} is not the host of a container registry`,
        hint: "write the host as image names begin with it, for example ghcr.io; images without one come from docker.io",
      };

/** OpenPGP version 4: 20 bytes in hexadecimal digits, in groups or not, as gpg shows them. */
export const fingerprintRule: TextRule = (value) =>
  /^[0-9a-f]{40}$/i.test(value.replaceAll(" ", ""))
    ? undefined
    : {
        code: "FINGERPRINT_INVALID",
        message: `${quoted(value)} is not the fingerprint of a key`,
        hint: "write all 40 hexadecimal digits, as `gpg --show-keys` prints them; a short id can be forged",
      };

export const addonRule: TextRule = (value) => {
  if (value.startsWith("url:")) {
    return urlRule(value.slice("url:".length));
  }
  return /^file:./.test(value)
    ? undefined
    : {
        code: "ADDON_INVALID",
        message: `${quoted(value)} does not say where the manifest is`,
        hint: "write file: and a path, or url: and an address",
      };
};

const isUrl = (base: string): boolean => /^https?:\/\//.test(base);

/** Whether a base is a file, and not a name from the catalogue or a URL: files have a folder or the ending of an image. */
export const isBaseFile = (base: string): boolean =>
  !isUrl(base) &&
  (base.includes("/") || /\.(img|xz|gz|zst|zip|tar|tgz)$/i.test(base));

export const baseRule: TextRule = (value) => {
  if (isUrl(value)) {
    return urlRule(value);
  }
  return isBaseFile(value) || /^[a-z0-9][a-z0-9.+-]*$/.test(value)
    ? undefined
    : {
        code: "BASE_INVALID",
        message: `${quoted(value)} is neither the name of a base image nor a path nor an address`,
        hint: "write a name such as ubuntu-24.04 (see `pi-image base list`), a path with / in it, or an https address",
      };
};
