// Which proxy a request goes through, according to the environment variables that other tools read, too.
// https://everything.curl.dev/usingcurl/proxies/env.html
import { UserError } from "../report/user-error.ts";
import { decodePercent } from "./decode-percent.ts";

const variable = (env: NodeJS.ProcessEnv, name: string): string =>
  env[name] ?? env[name.toUpperCase()] ?? "";

/** The host as sockets take it: IPv6 addresses without brackets. */
export const bareHost = (url: URL): string =>
  url.hostname.replace(/^\[|\]$/g, "");

const defaultPort = (url: URL): string =>
  url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;

/** no_proxy: names and their subdomains, with or without a leading dot or port; * for all. No address ranges. */
const isExempt = (url: URL, list: string): boolean =>
  list
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      if (entry === "*") {
        return true;
      }
      const [, name = "", port] =
        /^(?:\*?\.)?(\[[^\]]*\]|[^:]*|[^:]*:[^:]*:.*?)(?::(\d+))?$/.exec(
          entry.toLowerCase(),
        ) ?? [];
      const host = bareHost(url);
      const wanted = name.replace(/^\[|\]$/g, "");
      return (
        (port === undefined || port === defaultPort(url)) &&
        (host === wanted || host.endsWith(`.${wanted}`))
      );
    });

/** The proxy for this address, or undefined for a direct connection. Throws for a proxy that is neither http nor https. */
export const proxyFor = (url: URL, env: NodeJS.ProcessEnv): URL | undefined => {
  const name = url.protocol === "https:" ? "https_proxy" : "http_proxy";
  const value = variable(env, name) || variable(env, "all_proxy");
  if (value === "" || isExempt(url, variable(env, "no_proxy"))) {
    return undefined;
  }
  const text = value.includes("://") ? value : `http://${value}`;
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy?.protocol !== "http:" && proxy?.protocol !== "https:") {
    // The value may hold a password, so it is not shown.
    throw new UserError(
      "WRONG_ARGUMENTS",
      `the proxy in ${name} is not an http or https address`,
      {
        state: "nothing was written",
        hint: "pi-image supports HTTP proxies only; unset the variable, or name an HTTP proxy",
      },
    );
  }
  return proxy;
};

/** The Basic credentials in an address, as a header's value. */
export const basicAuthorization = (url: URL): string | undefined =>
  url.username === ""
    ? undefined
    : `Basic ${Buffer.from(
        `${decodePercent(url.username)}:${decodePercent(url.password)}`,
      ).toString("base64")}`;
