// What npm does with the package beside laying files out: it runs nothing, and the lock file has no holes.
import { expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import lock from "../../package-lock.json" with { type: "json" };

const packages = Object.entries(lock.packages) as readonly (readonly [
  string,
  {
    readonly dev?: boolean;
    readonly hasInstallScript?: boolean;
    readonly optionalDependencies?: object;
  },
])[];

it("ships no package that runs a script when it is installed", () => {
  const running = packages.filter(([, entry]) => entry.hasInstallScript);
  expect(running.filter(([, { dev }]) => dev !== true)).toEqual([]);
  // esbuild's only puts its native program in the place of a small script, which finds it as well.
  expect(running.map(([path]) => path)).toEqual(["node_modules/esbuild"]);
  expect(Object.keys(manifest.scripts)).not.toContain("preinstall");
  expect(Object.keys(manifest.scripts)).not.toContain("install");
  expect(Object.keys(manifest.scripts)).not.toContain("postinstall");
});

it("leaves drivelist, which compiles itself, to those who list disks of macOS", () => {
  expect(manifest.peerDependenciesMeta.drivelist.optional).toBe(true);
  expect(packages.filter(([path]) => path.endsWith("/drivelist"))).toEqual([]);
});

it("finds in the lock file every package that another one may ask for", () => {
  const all = new Set(packages.map(([path]) => path));
  const missing = packages.flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) =>
        !all.has(`node_modules/${name}`) &&
        !all.has(`${path}/node_modules/${name}`),
    ),
  );
  // npm ci refuses a lock file with holes, such as other systems' native packages that could not be found when it was written.
  expect(missing).toEqual([]);
});
