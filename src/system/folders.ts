// Where pi-image keeps its own files: XDG base directories, each with an override.
// https://specifications.freedesktop.org/basedir-spec/latest/
import { homedir } from "node:os";
import { join } from "node:path";

const xdg = (
  env: NodeJS.ProcessEnv,
  own: string,
  variable: string,
  fallback: string,
): string => {
  const override = env[own];
  if (override !== undefined && override !== "") {
    return override;
  }
  const base = env[variable];
  // The specification: a relative path is to be ignored.
  const root = base?.startsWith("/") ? base : join(homedir(), fallback);
  return join(root, "pi-image");
};

/** Downloads and decoded base images; safe to delete. */
export const cacheFolder = (env: NodeJS.ProcessEnv = process.env): string =>
  xdg(env, "PI_IMAGE_CACHE_HOME", "XDG_CACHE_HOME", ".cache");

/** What the user sets up once, such as an age identity; never made or deleted by pi-image. */
export const configFolder = (env: NodeJS.ProcessEnv = process.env): string =>
  xdg(env, "PI_IMAGE_CONFIG_HOME", "XDG_CONFIG_HOME", ".config");

/** What pi-image remembers of the user's answers; deleting it makes it ask again. */
export const stateFolder = (env: NodeJS.ProcessEnv = process.env): string =>
  xdg(env, "PI_IMAGE_STATE_HOME", "XDG_STATE_HOME", ".local/state");
