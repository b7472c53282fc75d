// Every code of a finding in the user's files, with the sentence that docs/errors.md shows.
// A code is permanent once released.

export const PROBLEM_CODES = {
  ADDON_INVALID: "An add-on is neither a file nor an address.",
  ADDON_NO_MANIFEST: "An add-on's file is not a manifest of Kubernetes.",
  ADDON_UNREADABLE: "An add-on's file cannot be read.",
  ADDRESS_INVALID:
    "A value is not an IP address, or not one that a machine can have.",
  ADDRESS_RESERVED: "An address is the network's own or its broadcast address.",
  API_SERVER_FLAG_INVALID:
    "A flag of the API server is not for the inventory to set, or keeps it from starting.",
  API_SERVER_FLAG_UNKNOWN:
    "A flag is not one of the API server that pi-image knows.",
  BASE_INVALID: "A base image is neither a name nor a path nor an address.",
  BASE_TOO_OLD: "A base image does not boot on a node's board.",
  BOARD_TOO_SMALL: "A board has too little memory for its role.",
  BOARD_WITHOUT_PCIE:
    "A setting needs PCIe, and the board has no connector for it.",
  BUNDLE_UNSUPPORTED:
    "A cluster is to have a bundle, and a node's base or the runtime cannot have one.",
  CARD_SERIAL_INVALID: "A value is not the serial number of a card.",
  CARD_TAKEN: "Two nodes are bound to the same card.",
  CLUSTER_NAME_INVALID: "A cluster's name cannot be part of a host name.",
  CMDLINE_INVALID:
    "A value is not a word for the kernel's command line, or one that pi-image decides.",
  CNI_ARCHIVED: "A network plug-in is no longer maintained.",
  CNI_FAMILY_UNSUPPORTED:
    "A network plug-in cannot work with the cluster's families of addresses.",
  CONFIG_CONFLICT:
    "A line for config.txt sets what another setting of the node decides.",
  CONFIG_LINE_INVALID: "A value is not a line for config.txt.",
  CONTROL_CHARACTER:
    "A text contains a line break or another control character.",
  CONTROL_PLANES_EVEN:
    "An even number of control planes gains nothing over one less.",
  CONTROL_PLANE_ADDRESS_MISSING:
    "A control plane needs a fixed address and has none.",
  CONTROL_PLANE_MISSING: "No node is a control plane.",
  DATA_MOUNT_INVALID: "A data disk cannot be mounted where the inventory says.",
  DATE_INVALID: "A value is not a date.",
  DHCP_ADDRESSES_SHORT:
    "The network behind a gateway has too few addresses for its nodes.",
  DHCP_RANGES_OVERLAP: "Two ranges of a gateway's addresses overlap.",
  DHCP_RANGE_INVALID: "A value is not a range of addresses.",
  DHCP_RANGE_OUTSIDE: "A range of addresses is not in the gateway's network.",
  DHCP_RANGE_TAKEN: "A range of addresses holds one that belongs to somebody.",
  DOMAIN_INVALID: "A value is not a DNS domain.",
  DUPLICATE_KEY: "A key is written twice in the same mapping.",
  EEPROM_IMAGE_INVALID:
    "A boot loader image, or a file beside it, cannot be flashed.",
  EEPROM_IMAGE_MISSING:
    "A node should flash a boot loader, but no image is given.",
  EEPROM_IMAGE_UNREADABLE:
    "A boot loader image, or a file beside it, cannot be read.",
  EEPROM_RECOVERY: "A card replaces a board's boot loader before it boots.",
  EEPROM_TOO_OLD: "A board's boot EEPROM is too old for the base image.",
  EEPROM_UNKNOWN:
    "A base image needs a newer boot EEPROM than a board may have.",
  EEPROM_UNSUPPORTED:
    "A board's boot loader cannot be replaced from the node's card.",
  EMPTY_VALUE: "A key has no value.",
  ENDPOINT_FIXED_TO_NODE:
    "Several control planes depend on one of them as the endpoint.",
  ENDPOINT_INVALID: "The endpoint is neither a name nor an address.",
  ENDPOINT_NOT_CONTROL_PLANE: "The endpoint is a worker.",
  ENDPOINT_NOT_FIRST: "The endpoint is a control plane other than the first.",
  ENDPOINT_NOT_VIRTUAL:
    "There is a virtual address, and the endpoint is a node.",
  ENDPOINT_UNKNOWN:
    "The endpoint is not a node, a DNS name or a known address.",
  FILE_NOT_UTF8: "A file is not text in UTF-8.",
  FAN_STEPS_UNORDERED: "The temperatures of a fan do not rise.",
  FILE_TOO_LARGE: "A file is larger than any file of its kind.",
  FILE_UNREADABLE: "A file cannot be read.",
  FILE_UNUSED:
    "A profile, fragment or network document of your own is never used.",
  FINGERPRINT_INVALID:
    "A key is named by something other than its full fingerprint.",
  FORWARD_RESERVED:
    "A port forward takes a port that the gateway needs itself.",
  FORWARD_TAKEN: "Two port forwards have the same port.",
  FORWARD_TARGET_UNKNOWN: "A port forward leads to no node behind the gateway.",
  FRAGMENT_CONFLICT: "Two fragments set the same value differently.",
  FRAGMENT_HEADER: "A fragment does not start with #cloud-config.",
  FRAGMENT_MISSING: "A profile names a fragment that does not exist.",
  FRAGMENT_PATH_INVALID: "A value is not the path of a fragment.",
  FRAGMENT_SHAPE: "A fragment holds something that cloud-config cannot hold.",
  FRAGMENT_UNSUPPORTED:
    "A fragment asks for something that the base's system cannot do without cloud-init.",
  GATEWAY_API_CLOSED: "No port of the gateway leads to the API server.",
  GATEWAY_INTERFACES: "A gateway does not stand between two interfaces.",
  GATEWAY_IS_NODE: "A node has the address of its gateway.",
  GATEWAY_MISSING: "A node has a fixed address and no gateway.",
  GATEWAY_SERVES_MISSING: "A gateway does not say which network is behind it.",
  GATEWAY_TAKEN: "A cluster has two gateways.",
  GATEWAY_UNREACHABLE: "A gateway is outside its node's network.",
  HARDWARE_UNSUPPORTED: "A board does not have what a setting switches.",
  INTERFACE_INVALID: "A value is not the name of a network interface.",
  INVENTORY_EMPTY: "The inventory is empty.",
  IPV6_UNSUPPORTED: "An address is IPv6 where only IPv4 can be.",
  KEEP_CARD_UNSUPPORTED:
    "A card is to stay able to boot on a board that always tries the card first.",
  KEY_ADDRESS_UNREACHABLE:
    "The public keys that an address publishes cannot be had.",
  KEY_FILE_UNREADABLE: "The file of a public SSH key cannot be read.",
  KEY_INVALID: "A value is not a public SSH key.",
  KEY_IS_PRIVATE: "A private SSH key is where the public one belongs.",
  KUBELET_SETTING_INVALID:
    "A field of the kubelet is not for the inventory to set, or keeps it from starting.",
  KUBELET_SETTING_UNKNOWN:
    "A field is not one of the kubelet's configuration that pi-image knows.",
  KUBERNETES_VERSION_ENDED: "A Kubernetes minor gets no fixes any more.",
  KUBERNETES_VERSION_INVALID: "A value is not a Kubernetes version.",
  KUBERNETES_VERSION_UNKNOWN: "A Kubernetes minor is newer than this pi-image.",
  LABEL_INVALID: "A label is not one that a node may give itself.",
  LINK_SETTING_INVALID:
    "An interface, a VLAN or an MTU does not fit the node's uplink.",
  LOCALE_INVALID: "A value is not the name of a locale.",
  LOCALE_UNKNOWN: "A locale is not one that a node can make.",
  MAC_INVALID: "A value is not an Ethernet address of a board.",
  MAC_TAKEN: "Two nodes are bound to the same board.",
  MISSING_KEY: "A key that is needed is not there.",
  NAMESPACE_INVALID: "A value cannot be the name of a namespace.",
  NETWORK_UPLINK_MISSING:
    "A network document of your own leaves a node without its uplink.",
  NAMESERVER_MISSING: "A node has no DNS server that could be written down.",
  NODE_ADDRESS_MISSING:
    "A node has settings of a fixed address and no address.",
  NODE_ADDRESS_TAKEN: "Two nodes have the same address.",
  NODE_FAMILY_MISSING:
    "A node has no address of a family that the cluster's ranges have.",
  NODE_NAME_INVALID: "A node's name is not a host name.",
  NODE_NAME_TAKEN: "A node's name is used twice.",
  OFFLINE_SETTING_UNUSED:
    "A setting is about the internet, which the cluster's nodes do not have.",
  OFFLINE_WITHOUT_BUNDLE:
    "The nodes are offline and are to have no bundle all the same.",
  OUT_OF_RANGE: "A number or a list is too small or too large.",
  PACKAGE_INVALID:
    "A value is not the name of a package that a node can install.",
  PCIE_GEN_UNSUPPORTED: "A board's PCIe is slower than the setting.",
  PROFILE_MISSING: "A role has no profile.",
  PROFILE_SHAPE: "A profile is not a description and a list of fragments.",
  PROXY_INVALID:
    "A value is not the address of a proxy, or not what a proxy can leave out.",
  RADIO_OFF: "A node needs Wi-Fi, and its radio is switched off.",
  REGISTRY_INVALID: "A value is not a container registry.",
  ROLE_KEY_UNUSED: "A node has a key that belongs to another role.",
  ROUTE_INVALID: "A route cannot lead where it is to lead.",
  SECRET_COMMAND_FAILED: "The command that gives a secret failed.",
  SECRET_COMMAND_NOT_ALLOWED:
    "The inventory runs a command that the user has not allowed.",
  SECRET_FILE_UNREADABLE: "The file that holds a secret cannot be read.",
  SECRET_IN_FILE: "A file that is meant to be shared contains a secret.",
  SECRET_MISSING: "A secret's reference has no value behind it.",
  SEED_FILE_MISSING:
    "The fragments of a control plane leave out a file that its API server needs.",
  SEED_FILE_TWICE: "Two fragments write the same file of the node.",
  SETTING_UNSUPPORTED:
    "A setting has no meaning on the system of a node's base image.",
  SETTING_UNUSED: "A setting in defaults holds for no node.",
  SHELL_INVALID: "A login shell is not a path.",
  SHELL_MISSING: "No image of the base's kind has the login shell.",
  SSH_KEY_MISSING: "No user of a node has an SSH key, so nobody can log in.",
  STORAGE_ADDRESS_MISSING: "A storage node has no address that stays the same.",
  STORAGE_DISK_MISSING: "A storage node has no disk to export.",
  STORAGE_NODE_TAKEN: "A cluster has two storage nodes.",
  STORAGE_SETTING_UNUSED:
    "A setting of a disk has no effect with the node's storage.",
  SUBNET_INVALID:
    "A value is not a range of addresses that Kubernetes can use.",
  SUBNET_FAMILIES:
    "The ranges of pods and of services are not of the same families in the same order.",
  SUBNET_OVERLAP:
    "Two of the ranges for pods, services and the local network overlap.",
  SUBNET_TOO_SMALL: "The range of pods has no room for all nodes.",
  TAINT_INVALID: "A taint is not one with which a node can register.",
  TIMEZONE_INVALID: "A value is not the name of a time zone.",
  TIMEZONE_UNKNOWN: "pi-image does not know a time zone.",
  TIME_SERVER_INVALID:
    "A value is not the name or the address of a time server.",
  TOO_MANY_MISTAKES: "A file has more mistakes than are shown at once.",
  UNKNOWN_KEY: "A key is not known at its place.",
  UNKNOWN_VALUE: "A value is not one of the choices.",
  URL_INVALID: "A value is not an address that pi-image can use.",
  USER_MISSING: "A node has no user.",
  USER_NAME_INVALID: "A value cannot be a login name.",
  USER_TAKEN: "A user is listed twice.",
  VALUE_KIND: "A fragment has a list or a map inside a text.",
  VALUE_UNKNOWN: "A fragment asks for a value that does not exist.",
  VIRTUAL_ADDRESS_TAKEN: "The virtual address belongs to a node or a gateway.",
  VIRTUAL_ADDRESS_UNREACHABLE:
    "The virtual address is outside the control planes' network.",
  WIFI_CERTIFICATE_INVALID:
    "A certificate or key of an enterprise Wi-Fi network cannot be used.",
  WIFI_EAP_INVALID:
    "An enterprise Wi-Fi network lacks something, or has what it cannot use.",
  WIFI_COUNTRIES_DIFFER:
    "The Wi-Fi networks of one node are of different countries.",
  WIFI_COUNTRY_INVALID: "A value is not a country code.",
  WIFI_COUNTRY_MISSING: "A Wi-Fi network has no country.",
  WIFI_MISSING: "A node's uplink is Wi-Fi, and it has no Wi-Fi network.",
  WIFI_PASSWORD_INVALID: "A Wi-Fi password has the wrong length or form.",
  WIFI_PASSWORD_MISSING: "A Wi-Fi network has no password.",
  WIFI_PASSWORD_UNUSED: "An open Wi-Fi network has a password.",
  WIFI_PASSWORD_UNWRITABLE:
    "A WPA3 passphrase cannot be written for wpa_supplicant.",
  WIFI_SECURITY_UNCERTAIN:
    "A kind of Wi-Fi security needs newer firmware than some images have.",
  WIFI_SECURITY_UNSUPPORTED:
    "A base image or a board does not know a kind of Wi-Fi security.",
  WIFI_SSID_INVALID:
    "A Wi-Fi network's name is too long, or its octets are not octets.",
  WIFI_SSID_MISSING: "A Wi-Fi network has no name.",
  WIFI_SSID_TAKEN: "A Wi-Fi network is listed twice.",
  WIFI_SSID_TWICE: "A Wi-Fi network has a name as text and one as octets.",
  WIFI_SSID_UNSUPPORTED:
    "A base image cannot join a Wi-Fi network of this name.",
  WRONG_TYPE: "A value has the wrong type for its key.",
  YAML_ALIASES: "The aliases of a file cannot be followed.",
  YAML_SYNTAX: "The file is not valid YAML.",
  YAML_TOO_DEEP: "A file is nested too deeply.",
} as const satisfies Record<string, string>;

export type ProblemCode = keyof typeof PROBLEM_CODES;
