// How many random cases a property test runs; PI_IMAGE_CASES=500 asks for more than the default.

export const randomCases = (usual: number): number => {
  const asked = Number(process.env["PI_IMAGE_CASES"] ?? "");
  return Number.isSafeInteger(asked) && asked > 0 ? asked : usual;
};
