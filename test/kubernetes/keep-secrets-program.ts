// Run by tests as a process of its own: keeps the secrets in the file given, for the shared project, and prints the CA's hash.
import { webcrypto } from "node:crypto";
import { publicKeyHash } from "../../src/kubernetes/certificate.ts";
import { keepSecrets } from "../../src/kubernetes/secrets/store-secrets.ts";
import { homelab, NOW } from "./project.ts";

const [file = ""] = process.argv.slice(2);
const { secrets } = await keepSecrets(file, homelab, {
  now: NOW,
  crypto: webcrypto,
});
console.log(publicKeyHash(secrets.ca.certificate));
