// Every code of an operation that failed, with its exit status and the sentence that docs/errors.md shows.
// A code is permanent once released.
import { EXIT, type ExitCode } from "./exit-codes.ts";

type ErrorInfo = { readonly exit: ExitCode; readonly about: string };

export const ERROR_CODES = {
  ADMIN_CERTIFICATE_ENDED: {
    exit: EXIT.failed,
    about: "The administrator's certificate in the secrets file has expired.",
  },
  AGE_IDENTITY_UNUSABLE: {
    exit: EXIT.wrongInput,
    about: "None of the age identities can open the encrypted secrets file.",
  },
  AGE_RECIPIENT_WRONG: {
    exit: EXIT.wrongInput,
    about:
      "No recipient is given for the encrypted secrets file, or it is not an age recipient.",
  },
  ARCHIVE_WRONG: {
    exit: EXIT.untrusted,
    about:
      "What a package archive or a container registry says cannot be understood, is out of date, or contradicts what was asked for.",
  },
  AUTHORITY_NOT_ROTATED: {
    exit: EXIT.failed,
    about:
      "The cluster's authorities are not replaced on every node, or cannot be; the same command goes on where it stopped.",
  },
  BACKUP_FAILED: {
    exit: EXIT.failed,
    about: "No control plane gave a whole snapshot of etcd.",
  },
  BASE_BOUND_TO_DISK_ID: {
    exit: EXIT.wrongInput,
    about:
      "The base image finds its root partition by the disk id, which every card gets anew.",
  },
  BASE_CANNOT_CARRY: {
    exit: EXIT.wrongInput,
    about: "The base image's partition table has no place for a bundle.",
  },
  BASE_HAS_NO_BOOT_PARTITION: {
    exit: EXIT.wrongInput,
    about: "The base image has no FAT32 partition to boot from.",
  },
  BASE_HAS_NO_PARTITION_TABLE: {
    exit: EXIT.wrongInput,
    about: "The base image does not begin with a partition table.",
  },
  BASE_NOT_FOUND: {
    exit: EXIT.wrongInput,
    about:
      "The base image is neither in the catalogue nor a file that can be read.",
  },
  BASE_PARTITION_TABLE_WRONG: {
    exit: EXIT.wrongInput,
    about:
      "The base image's partitions overlap or lie outside the image, as in a file that was cut short.",
  },
  BASE_PIN_GONE: {
    exit: EXIT.failed,
    about:
      "The vendor no longer offers the base image that the lockfile pins, and no copy is in the cache.",
  },
  BASE_TURNED_BACK: {
    exit: EXIT.untrusted,
    about:
      "An older state of a base image or a release is offered than an earlier run has seen, or an older image under a newer name.",
  },
  BASE_UNREACHABLE: {
    exit: EXIT.failed,
    about:
      "The server of a base image cannot be reached, and no copy is in the cache.",
  },
  BASE_UNSUITABLE: {
    exit: EXIT.wrongInput,
    about:
      "A base is not of the kind that the command needs: a root file system, or one without cloud-init.",
  },
  BMAP_WRONG: {
    exit: EXIT.untrusted,
    about:
      "A block map cannot be read, or the image does not match its checksums.",
  },
  BOOT_CMDLINE_MISSING: {
    exit: EXIT.wrongInput,
    about:
      "The boot partition lacks the kernel command line that config.txt names.",
  },
  BOOT_PARTITION_DAMAGED: {
    exit: EXIT.wrongInput,
    about: "The file system of the boot partition contradicts itself.",
  },
  BOOT_PARTITION_FULL: {
    exit: EXIT.wrongInput,
    about: "The node's files do not fit into the boot partition.",
  },
  BOOT_PARTITION_NOT_FAT32: {
    exit: EXIT.wrongInput,
    about: "The boot partition's file system is not FAT32.",
  },
  BOOT_PARTITION_UNSUPPORTED: {
    exit: EXIT.wrongInput,
    about:
      "The boot partition is sound but uses something that pi-image cannot edit.",
  },
  BUNDLE_INCOMPLETE: {
    exit: EXIT.wrongInput,
    about:
      "Something that a node needs is neither in its base image nor in the archives and registries, or no Raspberry Pi could use it.",
  },
  BUNDLE_NOT_SENT: {
    exit: EXIT.failed,
    about:
      "Not every node has got the cluster's bundle; the same command goes on where it stopped.",
  },
  BUNDLE_UNREACHABLE: {
    exit: EXIT.failed,
    about: "What a bundle needs is not in the cache, and no server gave it.",
  },
  CACHE_UNUSABLE: {
    exit: EXIT.failed,
    about: "The folder for downloads and decoded images cannot be used.",
  },
  CALLER_UNKNOWN: {
    exit: EXIT.wrongInput,
    about:
      "The variables of sudo, doas or pkexec name nobody, or two users, so that pi-image cannot tell whose rights to take.",
  },
  CARD_COUNTERFEIT: {
    exit: EXIT.notHeld,
    about: "A device claims a larger capacity than it has.",
  },
  CATALOGUE_WRONG: {
    exit: EXIT.wrongInput,
    about: "The user's own catalogue of base images cannot be used.",
  },
  CHECKSUM_LIST_WRONG: {
    exit: EXIT.untrusted,
    about: "A checksum file cannot be understood, or does not name the file.",
  },
  CHECKSUM_MISMATCH: {
    exit: EXIT.untrusted,
    about: "A file does not match its published checksum.",
  },
  CHECKSUM_MISSING: {
    exit: EXIT.untrusted,
    about: "A base image has no checksum to check it against.",
  },
  CLOCK_WRONG: {
    exit: EXIT.failed,
    about: "This computer's clock lies before the cluster's secrets were made.",
  },
  CLUSTER_MISMATCH: {
    exit: EXIT.untrusted,
    about:
      "The API server that answers is of another cluster, or not the inventory's endpoint.",
  },
  DISK_FULL: {
    exit: EXIT.failed,
    about: "A disk is full.",
  },
  DOWNLOAD_FAILED: {
    exit: EXIT.failed,
    about: "A server did not send the file, or sent something else.",
  },
  EEPROM_IMAGE_UNUSABLE: {
    exit: EXIT.wrongInput,
    about: "A boot loader image cannot be put onto a node's card.",
  },
  FILE_UNUSABLE: {
    exit: EXIT.failed,
    about:
      "The operating system refuses to read or write a file: permission, a full or failing disk.",
  },
  FLASH_WRITE_FAILED: {
    exit: EXIT.failed,
    about:
      "Reading or writing the target failed, or the disk under a target file is full.",
  },
  IMAGE_DAMAGED: {
    exit: EXIT.untrusted,
    about: "An image file is cut short, corrupt, or lies about its contents.",
  },
  IMAGE_MANIFEST_DAMAGED: {
    exit: EXIT.wrongInput,
    about: "The manifest that `build` wrote beside an image cannot be read.",
  },
  IMAGE_DOUBTFUL: {
    exit: EXIT.wrongInput,
    about:
      "Something is wrong with the image, nothing proves it, and nobody was asked.",
  },
  IMAGE_NOT_AN_IMAGE: {
    exit: EXIT.wrongInput,
    about: "The file is not a disk image in a format that pi-image knows.",
  },
  IMAGE_NOT_CHOSEN: {
    exit: EXIT.wrongInput,
    about: "It is not clear which image is meant.",
  },
  IMAGE_OUTDATED: {
    exit: EXIT.wrongInput,
    about: "The inventory has changed since the node's image was built.",
  },
  IMAGE_REFUSED: {
    exit: EXIT.untrusted,
    about:
      "An image file is encrypted, ambiguous or beyond the limits that keep the computer safe.",
  },
  IMAGE_UNREADABLE: {
    exit: EXIT.wrongInput,
    about: "An image file does not exist or may not be read.",
  },
  INVENTORY_EXISTS: {
    exit: EXIT.wrongInput,
    about: "init would replace an inventory that exists.",
  },
  KEY_EXPIRED: {
    exit: EXIT.failed,
    about: "The key of the Kubernetes packages is no longer valid.",
  },
  KEY_WRONG: {
    exit: EXIT.untrusted,
    about:
      "What is given as the key of the Kubernetes packages, of a base image or of a release is another key, or no key at all.",
  },
  KUBECONFIG_CONFLICT: {
    exit: EXIT.wrongInput,
    about:
      "A kubeconfig has entries of the same names that belong to something else.",
  },
  KUBECONFIG_LOCKED: {
    exit: EXIT.failed,
    about: "Another program is changing the kubeconfig.",
  },
  KUBECONFIG_NOT_WRITTEN: {
    exit: EXIT.failed,
    about: "A kubeconfig or its folder cannot be written.",
  },
  KUBECONFIG_WRONG: {
    exit: EXIT.wrongInput,
    about: "A kubeconfig to merge into cannot be read.",
  },
  KUBERNETES_TOO_NEW: {
    exit: EXIT.wrongInput,
    about:
      "The inventory asks for a newer minor of Kubernetes than the cluster runs: a node is never newer than its API server.",
  },
  LOCK_DAMAGED: {
    exit: EXIT.wrongInput,
    about: "The lockfile was edited into something that cannot be read.",
  },
  MANIFEST_UNREACHABLE: {
    exit: EXIT.failed,
    about:
      "The server of a manifest cannot be reached, and no copy is in the cache.",
  },
  MANIFEST_WRONG: {
    exit: EXIT.wrongInput,
    about:
      "A manifest is not one of Kubernetes, or lacks the place where the cluster's settings go.",
  },
  NODE_NOT_ADDED: {
    exit: EXIT.wrongInput,
    about:
      "The inventory is written in a way that pi-image cannot add a node to.",
  },
  NODE_NOT_REMOVED: {
    exit: EXIT.failed,
    about:
      "A node cannot leave the cluster as things are, or has not left it altogether yet; the same command goes on where it stopped.",
  },
  NODE_NOT_RENUMBERED: {
    exit: EXIT.failed,
    about: "The nodes did not get the addresses of another network.",
  },
  NODE_NOT_RESTARTED: {
    exit: EXIT.failed,
    about:
      "A node was not restarted, or has not come back; the same command goes on where it stopped.",
  },
  NODE_NOT_UPGRADED: {
    exit: EXIT.failed,
    about:
      "Kubernetes was not upgraded, or not on every node; the same command goes on where it stopped.",
  },
  NODE_NOT_REVOKED: {
    exit: EXIT.failed,
    about:
      "Not every control plane refuses a revoked node yet, or it is still in the cluster.",
  },
  NODE_REVOKED: {
    exit: EXIT.wrongInput,
    about: "The inventory names a node that was revoked.",
  },
  NODE_NOT_UP: {
    exit: EXIT.failed,
    about: "doctor found something that keeps the node from being Ready.",
  },
  OUT_FOLDER_OPEN: {
    exit: EXIT.wrongInput,
    about: "Other users could read the secrets in the out folder.",
  },
  OUT_FOLDER_UNUSABLE: {
    exit: EXIT.failed,
    about: "The out folder cannot be made or written.",
  },
  READBACK_DIFFERS: {
    exit: EXIT.notHeld,
    about: "The target does not hold what was written to it.",
  },
  RECEIPT_NOT_WRITTEN: {
    exit: EXIT.failed,
    about: "The card is flashed and proven, but its receipt cannot be kept.",
  },
  RECEIPT_UNREADABLE: {
    exit: EXIT.wrongInput,
    about: "The file is not a receipt of pi-image.",
  },
  RELEASE_HOLDS_SECRET: {
    exit: EXIT.wrongInput,
    about: "An image to be released contains what looks like a secret.",
  },
  ROLE_IMAGE_WRONG: {
    exit: EXIT.wrongInput,
    about: "The image is not a role image, or it is for another role.",
  },
  RUN_KILLED: {
    exit: EXIT.failed,
    about: "The system killed the process that works on the devices.",
  },
  ROTATION_UNFINISHED: {
    exit: EXIT.wrongInput,
    about:
      "No card can be made while the cluster's authorities are being replaced.",
  },
  RESTORE_REFUSED: {
    exit: EXIT.wrongInput,
    about: "A snapshot was given for a card that cannot begin with it.",
  },
  SAMPLE_ON_CARD: {
    exit: EXIT.wrongInput,
    about:
      "An image made from the sample base would be written to a real card.",
  },
  SECRETS_DAMAGED: {
    exit: EXIT.wrongInput,
    about: "The secrets file is cut short or was edited into something else.",
  },
  SECRETS_INCONSISTENT: {
    exit: EXIT.wrongInput,
    about:
      "Parts of the cluster secrets do not belong together, or an authority has ended.",
  },
  SECRETS_LOCKED: {
    exit: EXIT.failed,
    about: "Another run is changing the secrets file and does not finish.",
  },
  SECRETS_LOST: {
    exit: EXIT.wrongInput,
    about:
      "Cards were built for this cluster, but its secrets are not here, or those of another cluster are.",
  },
  SECRETS_NOT_ADOPTED: {
    exit: EXIT.failed,
    about:
      "The cluster's secrets cannot be fetched from a control plane, or what it holds is not proven by the running cluster.",
  },
  SECRETS_NOT_WRITTEN: {
    exit: EXIT.failed,
    about: "The secrets file cannot be written.",
  },
  SECRETS_OTHER_CLUSTER: {
    exit: EXIT.wrongInput,
    about: "The secrets file is that of a cluster with another name.",
  },
  SECRETS_READABLE: {
    exit: EXIT.wrongInput,
    about: "Other users can read the secrets file.",
  },
  SECRETS_UNREADABLE: {
    exit: EXIT.wrongInput,
    about: "The secrets file is there but cannot be opened.",
  },
  SIGNATURE_MISSING: {
    exit: EXIT.untrusted,
    about:
      "A signature is demanded, and the list of checksums, its signature or the key to check it with is not there.",
  },
  SIGNATURE_WRONG: {
    exit: EXIT.untrusted,
    about:
      "A signature is not a valid one of the key that is pinned or that --signed-by names.",
  },
  SIGNING_KEY_UNUSABLE: {
    exit: EXIT.wrongInput,
    about:
      "The OpenPGP key that is to sign a release cannot be read, opened or used.",
  },
  SNAPSHOT_DAMAGED: {
    exit: EXIT.untrusted,
    about: "A file is no snapshot of etcd, or its own SHA-256 does not match.",
  },
  SNAPSHOT_FOREIGN: {
    exit: EXIT.wrongInput,
    about:
      "A snapshot of etcd does not name the authority of this cluster: it is another one's, or older than a rotation.",
  },
  TARGET_CHANGED: {
    exit: EXIT.targetRefused,
    about:
      "Another device took the target's name between the check and the opening.",
  },
  TARGET_FIXED: {
    exit: EXIT.targetRefused,
    about: "The target is a fixed disk, not a card or a USB device.",
  },
  TARGET_GONE: {
    exit: EXIT.failed,
    about: "The target disappeared while it was in use.",
  },
  TARGET_HELD: {
    exit: EXIT.targetRefused,
    about: "LVM, a RAID, an encrypted volume or a loop device uses the target.",
  },
  TARGET_HOLDS_SYSTEM: {
    exit: EXIT.targetRefused,
    about: "The running system lives on the target.",
  },
  TARGET_IN_USE: {
    exit: EXIT.targetRefused,
    about: "Another program has the target open exclusively.",
  },
  TARGET_IS_PARTITION: {
    exit: EXIT.targetRefused,
    about: "The target is one partition, not the whole disk.",
  },
  TARGET_IS_SOURCE: {
    exit: EXIT.targetRefused,
    about:
      "The target, or a result, is something that the run reads or keeps, or the disk that it lies on.",
  },
  TARGET_MISSING: {
    exit: EXIT.targetRefused,
    about: "There is no such device.",
  },
  TARGET_MOUNTED: {
    exit: EXIT.targetRefused,
    about: "A file system on the target is mounted.",
  },
  TARGET_NOT_A_DEVICE: {
    exit: EXIT.targetRefused,
    about: "The target is neither a block device nor a regular file.",
  },
  TARGET_NOT_CONFIRMED: {
    exit: EXIT.targetRefused,
    about: "Nobody confirmed that this target may be overwritten.",
  },
  TARGET_NO_MEDIUM: {
    exit: EXIT.targetRefused,
    about: "The card reader is empty.",
  },
  TARGET_NO_PERMISSION: {
    exit: EXIT.targetRefused,
    about: "This user may not write to the target.",
  },
  TARGET_OTHER_SECTORS: {
    exit: EXIT.targetRefused,
    about:
      "The target's sectors are not of the size that the image's partition table is made for.",
  },
  TARGET_READ_ONLY: {
    exit: EXIT.targetRefused,
    about: "The target is write-protected.",
  },
  TARGET_STALLED: {
    exit: EXIT.failed,
    about: "The target did not answer a request for minutes.",
  },
  TARGET_SWAP: {
    exit: EXIT.targetRefused,
    about: "The running system swaps to the target.",
  },
  TARGET_TOO_LARGE: {
    exit: EXIT.targetRefused,
    about: "The target is larger than a card is expected to be.",
  },
  TARGET_TOO_SMALL: {
    exit: EXIT.targetRefused,
    about: "The image does not fit on the target.",
  },
  TARGET_WRONG_CARD: {
    exit: EXIT.targetRefused,
    about: "The target's serial is not the one that was asked for.",
  },
  TOOL_MISSING: {
    exit: EXIT.failed,
    about: "A program that this step runs is not installed.",
  },
  TOOL_FAILED: {
    exit: EXIT.failed,
    about: "A program that this step ran ended with an error.",
  },
  CANCELLED: { exit: EXIT.cancelled, about: "The user stopped the run." },
  WATCH_TIMEOUT: {
    exit: EXIT.failed,
    about: "Not every node was Ready in time.",
  },
  WRONG_ARGUMENTS: {
    exit: EXIT.wrongInput,
    about: "The command line is incomplete or contradicts itself.",
  },
  PROJECT_HAS_PROBLEMS: {
    exit: EXIT.wrongInput,
    about: "The inventory, a profile or a fragment has problems.",
  },
} as const satisfies Record<string, ErrorInfo>;

export type ErrorCode = keyof typeof ERROR_CODES;
