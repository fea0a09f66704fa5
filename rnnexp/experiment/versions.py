"""Call Hydra and OmegaConf as the installed version wants it: Hydra 1.3 or 1.4, OmegaConf 2.3 or 2.4."""

from inspect import signature
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.utils import configure_log
from omegaconf import OmegaConf

# From 1.4 on Hydra knows one set of rules, those that 1.3 called 1.3, and warns where they are named.
VERSION_BASE: dict[str, Any] = {"version_base": "1.3"} if hydra.__version__.startswith("1.3.") else {}
# Hydra 1.4 wants to be told what a config of logging may call besides the library's own; 1.3 lets it call anything.
CALLED: dict[str, Any] = {
    "execution_whitelist": ["rnnexp.output.Formatter", "rnnexp.output.Screen", "rnnexp.records.files.LogFile"]
}
CALLED = CALLED if "execution_whitelist" in signature(configure_log).parameters else {}
# Hydra 1.4 wants to be told that a part of the schema may be registered again; 1.3 takes it so.
REPLACE: dict[str, Any] = {"replace": True} if "replace" in signature(ConfigStore.store).parameters else {}

# the same function, which had this name for another one until 2.4
register_resolver: Any = (
    OmegaConf.register_resolver
    if "replace" in signature(OmegaConf.register_resolver).parameters
    else OmegaConf.register_new_resolver
)
