// The token with which a registry lets everybody read: asked for when the registry demands one, and again when it has expired.
// https://github.com/distribution/distribution/blob/v2.8.3/docs/spec/auth/token.md
import { z } from "zod";
import { fetchSmall } from "../../network/fetch-small.ts";
import { type HttpOptions, shownUrl } from "../../network/http-request.ts";
import { NetworkFailure } from "../../network/network-failure.ts";
import { parseJson } from "./read-document.ts";

const ANSWER_LIMIT = 64 * 1024;
/** In a row without anything received: a server that no token satisfies is not asked without end. */
const MOST_TOKENS = 3;

const answerSchema = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
});

/** Printable, so that it cannot end the header; Node's own servers take 16 KiB of headers. */
const TOKEN = /^[\x21-\x7e]{1,16000}$/;

type Challenge = {
  /** In lower case. */
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
};

/** https://www.rfc-editor.org/rfc/rfc9110#name-www-authenticate */
export const parseChallenges = (header: string): readonly Challenge[] => {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  const words =
    /([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]*))|([a-z][\w-]*)/gi;
  for (const [, name = "", quoted, plain, scheme] of header.matchAll(words)) {
    if (scheme === undefined) {
      challenges
        .at(-1)
        ?.parameters.set(
          name.toLowerCase(),
          quoted?.replaceAll(/\\(.)/g, "$1") ?? plain ?? "",
        );
    } else {
      challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
    }
  }
  return challenges;
};

/** Where a token is to be had. A registry over https must not have it sent without encryption. */
const tokenUrl = (
  registry: URL,
  repository: string,
  challenge: string,
): URL => {
  const found = parseChallenges(challenge);
  const bearer = found.find(({ scheme }) => scheme === "bearer")?.parameters;
  if (bearer === undefined) {
    throw new NetworkFailure(
      "refused",
      `${registry.host} demands a login with a name and a password, and pi-image has none for registries`,
    );
  }
  const realm = bearer.get("realm") ?? "";
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (
    url === undefined ||
    !(
      url.protocol === "https:" ||
      (url.protocol === "http:" && registry.protocol === "http:")
    )
  ) {
    throw new NetworkFailure(
      "refused",
      `${registry.host} wants a token from a place that cannot be asked over https`,
    );
  }
  const service = bearer.get("service");
  if (service !== undefined) {
    url.searchParams.set("service", service);
  }
  url.searchParams.set(
    "scope",
    bearer.get("scope") ?? `repository:${repository}:pull`,
  );
  return url;
};

const fetchToken = async (url: URL, options: HttpOptions): Promise<string> => {
  const answer = answerSchema.safeParse(
    parseJson(
      await fetchSmall(url, ANSWER_LIMIT, {
        ...options,
        headers: { accept: "application/json" },
      }),
    ),
  );
  const token = answer.data?.token ?? answer.data?.access_token ?? "";
  if (!TOKEN.test(token)) {
    throw new NetworkFailure("refused", `${shownUrl(url)} gives no token`);
  }
  return token;
};

/**
 * Runs a request, given the headers that the server wants; at once again where it says that it wants another token. The
 * request, which may be a long download with many breaks, calls `received` when it got something.
 */
export type Authorized = <Result>(
  url: URL,
  request: (
    headers: Readonly<Record<string, string>>,
    received: () => void,
  ) => Promise<Result>,
) => Promise<Result>;

/** For one repository on one server. What runs throws NetworkFailure with the server's challenge. */
export const withToken = (
  repository: string,
  options: HttpOptions,
): Authorized => {
  let token: string | undefined;
  return async (url, request) => {
    for (let refused = 0; ; refused += 1) {
      try {
        return await request(
          token === undefined ? {} : { authorization: `Bearer ${token}` },
          () => {
            refused = 0;
          },
        );
      } catch (error) {
        if (
          !(error instanceof NetworkFailure) ||
          error.challenge === undefined
        ) {
          throw error;
        }
        if (refused === MOST_TOKENS) {
          throw new NetworkFailure(
            "refused",
            `${url.host} has no ${repository} for everybody: there is none, or it is private`,
            { cause: error },
          );
        }
        token = await fetchToken(
          tokenUrl(url, repository, error.challenge),
          options,
        );
      }
    }
  };
};
