"""Prints as JSON what NetworkManager's own library reads in its profiles. Arguments: the files."""

import json
import sys

import gi

gi.require_version("NM", "1.0")
from gi.repository import GLib, NM  # noqa: E402


def handled(*_):
    """The library warns of certificates that are not on this machine."""
    return True


def path_of(eap, name):
    scheme = getattr(eap, f"get_{name}_scheme")()
    return (
        getattr(eap, f"get_{name}_path")()
        if scheme == NM.Setting8021xCKScheme.PATH
        else None
    )


def read(path):
    keyfile = GLib.KeyFile()
    keyfile.load_from_file(path, GLib.KeyFileFlags.NONE)
    profile = NM.keyfile_read(keyfile, "/", NM.KeyfileHandlerFlags.NONE, handled, None)
    wireless = profile.get_setting_wireless()
    security = profile.get_setting_wireless_security()
    eap = profile.get_setting_802_1x()
    profile.normalize(None)
    return {
        "ssid": bytes(wireless.get_ssid().get_data()).hex(),
        "hidden": wireless.get_hidden(),
        "powersave": wireless.get_powersave(),
        "priority": profile.get_setting_connection().get_autoconnect_priority(),
        "interface": profile.get_setting_connection().get_interface_name(),
        "management": security and security.get_key_mgmt(),
        "psk": security and security.get_psk(),
        "eap": eap
        and {
            "method": eap.get_eap_method(0),
            "identity": eap.get_identity(),
            "anonymous": eap.get_anonymous_identity(),
            "password": eap.get_password(),
            "phase2": eap.get_phase2_auth(),
            "ca": path_of(eap, "ca_cert"),
            "certificate": path_of(eap, "client_cert"),
            "key": path_of(eap, "private_key"),
            "keyPassword": eap.get_private_key_password(),
            "domain": eap.get_domain_suffix_match(),
        },
        # Throws where a profile is not one that NetworkManager would use.
        "valid": profile.verify(),
    }


print(json.dumps([read(path) for path in sys.argv[1:]]))
